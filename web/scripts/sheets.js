// Pictures of pages: one that the service has no turn for is asked for again, one that cannot be drawn says so. The picture of the page
// with the signature follows what is chosen in the form.
"use strict";
(() => {
  const BUSY = [429, 503];
  const MOST = 6;

  const missing = (picture, is) => {
    const said = picture.parentElement.querySelector("[data-sheet-missing]");
    picture.hidden = is;
    if (said) said.hidden = !is;
  };

  const failed = async (picture) => {
    const address = picture.src;
    const tried = Number(picture.dataset.tried || 0);
    picture.dataset.tried = String(tried + 1);
    const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
    if (picture.src !== address) return;
    if (answer && answer.ok) {
      const bytes = await answer.blob();
      if (picture.src === address) picture.src = URL.createObjectURL(bytes);
      return;
    }
    if (answer && BUSY.includes(answer.status) && tried < MOST) {
      setTimeout(() => failed(picture), 1000 * (tried + 1));
      return;
    }
    missing(picture, true);
  };

  for (const picture of document.querySelectorAll("[data-sheet]")) {
    picture.addEventListener("error", () => { if (!picture.src.startsWith("blob:")) failed(picture); });
    // It may have failed before this script ran. One that is still to come into view is not complete.
    if (picture.complete && picture.naturalWidth === 0) failed(picture);
  }

  const form = document.querySelector("[data-sign]");
  const preview = document.querySelector("[data-preview]");
  if (!form || !preview) return;
  let waiting = 0;
  const chosen = () => {
    const given = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && preview.dataset.preview.split(" ").includes(name)) given.append(name, value);
    }
    return given;
  };
  const renew = () => {
    const said = chosen();
    const box = preview.closest("[data-preview-box]");
    const nothing = said.get("look") === "invisible";
    box.hidden = nothing;
    document.querySelector("[data-preview-none]").hidden = !nothing;
    if (nothing) return;
    missing(preview, false);
    preview.dataset.tried = "0";
    preview.src = `${preview.dataset.address}?${said}`;
  };
  form.addEventListener("input", (event) => {
    if (!preview.dataset.preview.split(" ").includes(event.target.name)) return;
    clearTimeout(waiting);
    waiting = setTimeout(renew, 400);
  });
  // What the browser filled in again may differ from what the page was made with.
  const asked = new URL(preview.src, location.href).searchParams;
  const said = chosen();
  if (preview.dataset.preview.split(" ").some((name) => (asked.get(name) || "") !== (said.get(name) || ""))) renew();
})();
