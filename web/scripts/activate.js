// Activation: takes the code from behind the address's "#", which is never sent, and explains the PIN while it is typed.
// Nothing typed here leaves the page before the form is sent; the server judges the PIN again.
"use strict";
(() => {
  const codeForm = document.querySelector("[data-code]");
  if (codeForm && window.location.hash.length > 1) {
    let code = window.location.hash.slice(1);
    try { code = decodeURIComponent(code); } catch { /* not encoded: taken as it is */ }
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    if (/^[0-9A-Za-z-]{4,64}$/.test(code)) {
      codeForm.elements.code.value = code;
      codeForm.querySelector("button").focus();
    }
  }

  for (const button of document.querySelectorAll("[data-show]")) {
    const field = document.getElementById(button.dataset.show);
    const show = button.textContent;
    button.addEventListener("click", () => {
      const hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      button.textContent = hidden ? button.dataset.textHide : show;
    });
  }

  const form = document.querySelector("[data-activate]");
  if (!form) return;
  const pin = form.elements.pin;
  const again = form.elements.pin_again;
  const box = form.querySelector("[data-meter]");
  const meter = box.querySelector("meter");
  const differs = form.querySelector("[data-differs]");
  const shortest = Number(pin.dataset.shortest) || 8;
  const COMMON = ["password", "matkhau", "12345678", "123456789", "1234567890", "11111111", "00000000", "88888888",
    "66668888", "68686868", "abcd1234", "abc12345", "1q2w3e4r", "qwertyui", "iloveyou", "anhyeuem", "emyeuanh", "hanoi123",
    "vietnam1", "chuky123"];

  const steps = (text) => {
    const codes = Array.from(text, (letter) => letter.codePointAt(0));
    let even = 0;
    for (let at = 2; at < codes.length; at += 1) {
      const step = codes[at] - codes[at - 1];
      if (step === codes[at - 1] - codes[at - 2] && Math.abs(step) <= 1) even += 1;
    }
    return even;
  };
  const looksLikeDate = (text) => {
    const digits = text.replace(/[\s/.-]/g, "");
    const both = [/^(\d\d)(\d\d)((19|20)\d\d)$/, /^((19|20)\d\d)(\d\d)(\d\d)$/];
    const first = both[0].exec(digits);
    if (first && Number(first[1]) <= 31 && Number(first[2]) <= 12) return true;
    const second = both[1].exec(digits);
    return Boolean(second && Number(second[3]) <= 12 && Number(second[4]) <= 31);
  };

  const judge = (text) => ({
    length: Array.from(text).length >= shortest,
    repeat: new Set(text.toLowerCase()).size >= Math.min(5, Math.ceil(shortest / 2)),
    sequence: text.length > 0 && steps(text) < Math.max(3, text.length / 2 - 1) && !looksLikeDate(text),
    common: text.length > 0 && !COMMON.some((word) => text.toLowerCase() === word),
  });

  const compare = () => { differs.hidden = again.value === "" || again.value === pin.value; };
  pin.addEventListener("input", () => {
    const verdicts = judge(pin.value);
    box.hidden = pin.value === "";
    let kept = 0;
    for (const item of box.querySelectorAll("[data-rule]")) {
      const good = verdicts[item.dataset.rule];
      item.className = good ? "rule-kept" : "rule-open";
      if (good) kept += 1;
    }
    meter.value = kept;
    compare();
  });
  again.addEventListener("change", compare);
  again.addEventListener("input", () => { if (!differs.hidden) compare(); });
  form.addEventListener("submit", (event) => {
    if (again.value !== pin.value) { event.preventDefault(); differs.hidden = false; again.focus(); }
  });
})();
