// The booth: a scanner's text lands wherever the cursor is, Enter confirms, Esc goes one step back.
"use strict";
(() => {
  // A scanner types like a very fast person; slower keys are somebody's fingers.
  const LONGEST_PAUSE = 120;
  const LONGEST_TEXT = 2000;
  let typed = "";
  let last = 0;

  const fieldHasFocus = () => {
    const element = document.activeElement;
    return Boolean(element && element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select"));
  };

  const accept = (text) => {
    // While the network is gone the card becomes a draft.
    const form = document.querySelector("[data-drafts-scan]:not([hidden])") || document.querySelector("[data-scan]");
    if (!form) return;
    (form.elements.draft_text || form.elements.card_text).value = text;
    form.requestSubmit();
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape") {
      const back = document.querySelector("[data-back]");
      if (back && navigator.onLine) { event.preventDefault(); window.location.assign(back.href); }
      return;
    }
    if (fieldHasFocus()) return;
    if (event.timeStamp - last > LONGEST_PAUSE) typed = "";
    last = event.timeStamp;
    if (event.key === "Enter") {
      const text = typed;
      typed = "";
      if (text.includes("|")) { event.preventDefault(); accept(text); return; }
      const focused = document.activeElement;
      if (focused && focused.matches("a, button, summary")) return;
      const main = document.querySelector("#main .main");
      if (!main) return;
      event.preventDefault();
      if (main.form) main.form.requestSubmit(main); else main.click();
    } else if (event.key.length === 1 && typed.length < LONGEST_TEXT) {
      typed += event.key;
    }
  });

  document.addEventListener("paste", (event) => {
    if (fieldHasFocus() || !event.clipboardData) return;
    const text = event.clipboardData.getData("text").trim();
    if (text.includes("|") && text.length <= LONGEST_TEXT) accept(text);
  });

  const scan = document.querySelector("[data-scan] input[name=card_text]");
  if (scan && !document.querySelector(".by-hand[open]")) scan.focus();
})();
