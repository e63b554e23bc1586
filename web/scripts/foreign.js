// Proving possession through the bridge on this machine: it reads the text itself, and the answer goes into the form.
"use strict";
(() => {
  const page = document.querySelector("[data-foreign-proof]");
  if (!page) return;
  const pairing = page.querySelector("[data-pair]");
  const proof = page.querySelector("[data-proof]");
  const text = page.querySelector("[data-proof-text]").textContent;
  const language = document.documentElement.lang === "en" ? "en" : "vi";

  // An error with a sentence for the reader.
  class Said extends Error {}

  const bridge = async (path, body, token) => {
    const headers = { "content-type": "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const order = { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", credentials: "omit" };
    const answer = await fetch(page.dataset.bridge + path, order).catch(() => { throw new Said(page.dataset.textAway); });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Said(said.detail ? said.detail[language] : page.dataset.textFailed);
    return said;
  };

  const complain = (error) => {
    const place = pairing.querySelector("[data-problem]");
    place.textContent = error ? (error instanceof Said ? error.message : page.dataset.textFailed) : "";
    place.hidden = !error;
  };

  let token = null;
  pairing.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = pairing.querySelector("button.main");
    const usual = button.textContent;
    complain(null);
    button.disabled = true;
    try {
      if (!token) ({ token } = await bridge("/pair", { code: pairing.elements.code.value }));
      button.textContent = page.dataset.textAsking;
      const { value, scheme } = await bridge("/prove", { text }, token);
      proof.elements.value.value = value;
      proof.elements.scheme.value = scheme;
      proof.submit();
    } catch (error) {
      complain(error);
      button.disabled = false;
      button.textContent = usual;
    }
  });
})();
