// Activation, and change of PIN: takes the code from behind the address's "#", which is never sent, and explains the PIN while it is typed.
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
  const pin = form.querySelector("[data-shortest]");
  const again = form.querySelector("[data-again]");
  const box = form.querySelector("[data-meter]");
  const meter = box.querySelector("meter");
  const differs = form.querySelector("[data-differs]");
  const shortest = Number(pin.dataset.shortest) || 8;
  // The same rules as the service's; it judges again, and adds what only it knows.
  const COMMON = ["12345678", "87654321", "123456", "654321", "password", "matkhau", "mật khẩu", "iloveyou", "qwerty",
    "asdfgh", "1q2w3e4r", "abc123", "anhyeuem", "emyeuanh", "vietnam", "hanoi", "thanglong", "11223344", "88888888",
    "99999999", "0123456", "147258369", "789456", "chukyso", "chuky", "admin", "letmein", "welcome"];
  const LONGEST_PIECE = 4;

  const isSteps = (letters) => {
    const steps = letters.slice(1).map((letter, at) => letter.codePointAt(0) - letters[at].codePointAt(0));
    return steps.length > 0 && Math.abs(steps[0]) <= 1 && steps.every((step) => step === steps[0]);
  };
  const isRepeated = (letters) => {
    for (let piece = 1; piece <= Math.min(LONGEST_PIECE, letters.length / 2); piece += 1) {
      if (letters.every((letter, at) => letter === letters[at % piece])) return true;
    }
    return false;
  };
  const looksLikeDate = (text) => {
    const digits = text.replace(/[\s/.-]/g, "");
    const dayFirst = /^(\d\d)(\d\d)(?:19|20)\d\d$/.exec(digits);
    if (dayFirst && Number(dayFirst[1]) <= 31 && Number(dayFirst[2]) <= 12) return true;
    const yearFirst = /^(?:19|20)\d\d(\d\d)(\d\d)$/.exec(digits);
    return Boolean(yearFirst && Number(yearFirst[1]) <= 12 && Number(yearFirst[2]) <= 31);
  };

  const judge = (text) => {
    const lower = text.toLowerCase();
    const letters = Array.from(lower);
    return {
      length: letters.length >= shortest,
      repeat: letters.length > 1 && !isRepeated(letters),
      sequence: letters.length > 1 && !isSteps(letters) && !looksLikeDate(text),
      common: text !== "" && !COMMON.some((word) => lower.includes(word) && letters.length < Array.from(word).length + 4),
    };
  };

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
