// The check page: files are sent as soon as they are chosen or dropped, each with a line of its own, then its card.
"use strict";
(() => {
  const form = document.querySelector("[data-verify]");
  const results = document.querySelector("[data-results]");
  if (!form || !results) return;
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector("[data-drop]");
  const status = document.querySelector("[data-status]");
  const texts = form.dataset;
  const waiting = [];
  let busy = false;

  const line = (name) => {
    const element = document.createElement("div");
    element.className = "transfer";
    const title = document.createElement("p");
    title.textContent = name;
    const state = document.createElement("p");
    state.className = "hint";
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", name);
    element.append(title, state, bar);
    return { name, element, state, bar };
  };

  // Read aloud: one short sentence for each file, never a whole card.
  const tell = (text) => {
    const left = waiting.length;
    status.textContent = left > 0 ? `${text}. ${texts.textLeft} ${left}` : text;
  };

  const fail = (shown, text) => {
    shown.bar.remove();
    shown.state.className = "problem";
    shown.state.textContent = text;
    tell(`${shown.name}: ${text}`);
  };

  const settle = (shown, answer) => {
    const cards = answer ? answer.querySelectorAll("article.verdict") : [];
    if (cards.length > 0) {
      const fresh = Array.from(cards, (card) => document.importNode(card, true));
      shown.element.replaceWith(...fresh);
      tell(`${shown.name}: ${fresh[0].querySelector(".verdict-word").textContent}`);
      // To the verdict, once nothing else is coming and unless the reader has gone elsewhere meanwhile.
      const elsewhere = document.activeElement && ![document.body, input].includes(document.activeElement);
      if (waiting.length === 0 && !elsewhere) fresh[0].focus();
      return;
    }
    const said = answer ? answer.querySelector("#document-problem span, main .lead") : null;
    fail(shown, said ? said.textContent : texts.textFailed);
  };

  const next = () => {
    const job = waiting.shift();
    if (!job) { busy = false; return; }
    busy = true;
    const body = new FormData();
    body.append("csrf", form.elements.csrf.value);
    if (job.content) body.append("content", job.content, job.content.name);
    body.append("document", job.file, job.file.name);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "document";
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) job.shown.bar.value = event.loaded / event.total;
    };
    request.upload.onload = () => {
      job.shown.state.textContent = texts.textChecking;
      job.shown.bar.removeAttribute("value");
    };
    request.onload = () => { settle(job.shown, request.responseXML); next(); };
    request.onerror = () => { fail(job.shown, texts.textFailed); next(); };
    job.shown.state.textContent = texts.textSending;
    tell(`${job.shown.name}: ${texts.textSending}`);
    job.shown.bar.value = 0;
    request.send(body);
  };

  // A signature in a file of its own goes with what it covers: the file of the same name, or the one that was named for it.
  const named = document.querySelector("#content");
  const isApart = (name) => /.\.(p7s|sig|sign|tsr|tst|xades|xml|jws|jades|json|cades)$/i.test(name);
  const stem = (name) => name.replace(/\.[^.]*$/, "").toLowerCase();
  const mate = (signature, files) => files.find((file) => file !== signature && !isApart(file.name)
    && (stem(signature.name) === file.name.toLowerCase() || stem(signature.name) === stem(file.name)));

  const take = (files) => {
    const chosen = Array.from(files);
    if (chosen.length > Number(texts.most)) {
      const shown = line("");
      results.prepend(shown.element);
      fail(shown, texts.textTooMany);
      return;
    }
    const contents = new Map();
    for (const file of chosen.filter((one) => isApart(one.name))) {
      contents.set(file, (named && named.files[0]) || mate(file, chosen));
    }
    const covered = new Set(contents.values());
    for (const file of chosen.filter((one) => !covered.has(one))) {
      const content = contents.get(file);
      const shown = line(content ? `${file.name} + ${content.name}` : file.name);
      results.prepend(shown.element);
      const largest = Math.max(file.size, content ? content.size : 0);
      if (largest > Number(texts.largest)) fail(shown, texts.textTooLarge);
      else waiting.push({ file, content, shown });
    }
    if (!busy) next();
  };

  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("drop-over"); });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("drop-over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer) take(event.dataTransfer.files);
  });
  // A file dropped beside the box must not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.files.length > 0) take(input.files);
  });
})();
