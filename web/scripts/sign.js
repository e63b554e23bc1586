// Signing: the file can be dropped on its box, its name is shown, and the button says what is going on.
"use strict";
(() => {
  const takeFile = (form, input) => {
    const drop = form.querySelector("[data-drop]");
    const chosen = form.querySelector("[data-chosen]");

    const show = () => {
      const file = input.files[0];
      chosen.hidden = !file;
      chosen.className = "drop-chosen";
      if (!file) return;
      chosen.textContent = file.name;
      if (file.size > Number(input.dataset.largest)) {
        chosen.className = "problem";
        chosen.textContent = form.dataset.textTooLarge;
        input.value = "";
      }
    };

    input.addEventListener("change", show);
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("drop-over"); });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("drop-over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer && event.dataTransfer.files.length === 1) { input.files = event.dataTransfer.files; show(); }
    });
    for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
    show();
  };

  const form = document.querySelector("[data-sign]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const number = form.elements.page_number;
  if (input) takeFile(form, input);
  if (number) number.addEventListener("input", () => { document.getElementById("page-number-choice").checked = true; });
  form.addEventListener("submit", () => {
    const button = form.querySelector("button.main");
    if (button) button.textContent = form.dataset.textWorking;
  });
})();
