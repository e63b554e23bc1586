// Signing with a token at this computer: the service prepares, the bridge on this machine has the digest signed, the service finishes.
"use strict";
(() => {
  const page = document.querySelector("[data-own]");
  if (!page) return;
  const pairing = page.querySelector("[data-pair]");
  const signing = page.querySelector("[data-sign-own]");
  const done = page.querySelector("[data-done]");
  const language = document.documentElement.lang === "en" ? "en" : "vi";
  // Of this bridge alone: what one gave is shown to no other.
  const kept = `chuky-bridge ${page.dataset.bridge}`;
  let certificate = null;

  // An error with a sentence for the reader.
  class Said extends Error {}

  const told = async (answer) => {
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    const said = new Said(problem.detail ? problem.detail[language] : page.dataset.textFailed);
    said.code = problem.code || "";
    throw said;
  };

  const bridge = async (path, body) => {
    const headers = { "content-type": "application/json" };
    const token = sessionStorage.getItem(kept);
    if (token) headers.authorization = `Bearer ${token}`;
    const order = { method: body ? "POST" : "GET", headers, cache: "no-store", credentials: "omit" };
    if (body) order.body = JSON.stringify(body);
    const answer = await fetch(page.dataset.bridge + path, order).catch(() => { throw new Said(page.dataset.textAway); });
    return (await told(answer)).json();
  };

  const service = (step, request, file) => {
    const form = new FormData();
    form.append("request", JSON.stringify(request));
    form.append("document", file);
    const order = { method: "POST", body: form, cache: "no-store", credentials: "same-origin" };
    return fetch(`/api/v1/signatures/${step}`, order).then(told);
  };

  const complain = (form, error) => {
    const place = form.querySelector("[data-problem]");
    place.textContent = error ? (error instanceof Said ? error.message : page.dataset.textFailed) : "";
    place.hidden = !error;
  };

  // Busy from the press to the answer; the button says what is waited for.
  const busy = async (form, work) => {
    const button = form.querySelector("button.main");
    const usual = button.textContent;
    complain(form, null);
    button.disabled = true;
    try {
      await work((text) => { button.textContent = text; });
    } catch (error) {
      if (error.code === "not_paired") { sessionStorage.removeItem(kept); show(); complain(pairing, error); }
      else complain(form, error);
    } finally {
      button.disabled = false;
      button.textContent = usual;
    }
  };

  const show = () => {
    pairing.hidden = Boolean(certificate && sessionStorage.getItem(kept));
    signing.hidden = !pairing.hidden;
    if (certificate) page.querySelector("[data-holder]").textContent = `${certificate.common_name} (${certificate.issuer})`;
  };

  const connect = async () => {
    certificate = await bridge("/certificate");
    show();
  };

  pairing.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(pairing, async () => {
      const { token } = await bridge("/pair", { code: pairing.elements.code.value });
      sessionStorage.setItem(kept, token);
      pairing.reset();
      await connect();
    });
  });

  signing.addEventListener("submit", (event) => {
    event.preventDefault();
    done.hidden = true;
    busy(signing, async (say) => {
      const file = signing.elements.document.files[0];
      say(page.dataset.textPreparing);
      const prepared = await (await service("prepare", {
        certificate: certificate.certificate,
        chain: certificate.chain,
        scheme: certificate.scheme,
        level: "T",
        look: signing.elements.look.value,
      }, file)).json();
      say(page.dataset.textAsking);
      const { value } = await bridge("/sign", { name: file.name, sha256: prepared.sha256, digest: prepared.digest });
      say(page.dataset.textFinishing);
      const signed = await (await service("finish", { continuation: prepared.continuation, value }, file)).blob();
      const link = done.querySelector("a");
      if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(signed);
      link.download = prepared.signed_name;
      done.hidden = false;
      done.scrollIntoView();
    });
  });

  // Paired before in this tab.
  if (sessionStorage.getItem(kept)) connect().catch(() => { sessionStorage.removeItem(kept); show(); });
  show();
})();
