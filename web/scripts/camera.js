// A QR code by the camera, in the page: pictures never leave the device, only the text of the code is sent. The library is loaded when
// the camera is opened in a browser that reads no codes itself. May be used by any page with a part `data-camera`.
"use strict";
(() => {
  const part = document.querySelector("[data-camera]");
  if (!part) return;
  const find = (name) => part.querySelector(`[data-camera-${name}]`);
  const [open, view, said, problem] = ["open", "view", "said", "problem"].map(find);
  const video = part.querySelector("video");
  // Between two looks, so that a slow machine can draw in between.
  const PAUSE = 100;
  const WANTED = { video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } }, audio: false };
  // Counts up whenever the camera is opened or closed: what began before is over.
  let turn = 0;

  const complain = (which) => {
    problem.hidden = !which;
    problem.querySelector("span").textContent = which ? part.dataset[`text${which}`] : "";
  };

  const close = (which) => {
    turn += 1;
    for (const track of video.srcObject ? video.srcObject.getTracks() : []) track.stop();
    video.srcObject = null;
    view.hidden = true;
    open.hidden = false;
    complain(which);
  };

  // The names are those of Media Capture and Streams §10.2, getUserMedia.
  const refusal = (error) => {
    if (["NotAllowedError", "SecurityError"].includes(error.name)) return "Denied";
    return ["NotFoundError", "OverconstrainedError", "TypeError"].includes(error.name) ? "None" : "Busy";
  };

  const detector = async () => {
    if ("BarcodeDetector" in window) {
      const formats = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
      if (formats.includes("qr_code")) return new window.BarcodeDetector({ formats: ["qr_code"] });
    }
    const library = await import(part.dataset.cameraLibrary);
    return new library.BarcodeDetector({ formats: ["qr_code"] });
  };

  const accept = (text) => {
    const field = document.querySelector(part.dataset.cameraField);
    close();
    field.value = text;
    field.form.requestSubmit();
  };

  // Looks until a code is there, the camera is closed, or nobody has held up a code for so long that nobody will.
  const look = async (reader, mine) => {
    const end = performance.now() + Number(part.dataset.cameraPatience) * 1000;
    while (mine === turn) {
      if (performance.now() > end) return close("Nothing");
      const found = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA ? await reader.detect(video).catch(() => []) : [];
      if (mine !== turn) return undefined;
      const code = found.find((one) => one.rawValue.includes(part.dataset.cameraMark));
      if (code) return accept(code.rawValue);
      if (found.length) said.textContent = part.dataset.textOther;
      await new Promise((done) => window.setTimeout(done, PAUSE));
    }
    return undefined;
  };

  const start = async () => {
    close();
    const mine = turn;
    open.hidden = true;
    let stream;
    try {
      // A page without TLS is given no cameras at all.
      if (!navigator.mediaDevices) return close("None");
      stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      return close(refusal(error));
    }
    if (mine !== turn) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    view.hidden = false;
    said.textContent = part.dataset.textWaiting;
    find("close").focus();
    // A camera that is pulled out ends its track.
    stream.getVideoTracks()[0].addEventListener("ended", () => mine === turn && close("Busy"));
    let reader;
    try {
      [reader] = await Promise.all([detector(), video.play()]);
    } catch {
      return mine === turn ? close("Library") : undefined;
    }
    return look(reader, mine);
  };

  open.addEventListener("click", start);
  find("close").addEventListener("click", () => { close(); open.focus(); });
  part.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || view.hidden) return;
    event.stopPropagation();
    close();
    open.focus();
  });
  window.addEventListener("pagehide", () => close());
})();
