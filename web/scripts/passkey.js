// Passkeys: logging in with one, making one, and having a decision signed by one over exactly what the page shows.
"use strict";
(() => {
  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);

  const octets = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
  };
  const text = (buffer) => {
    const letters = Array.from(new Uint8Array(buffer), (octet) => String.fromCharCode(octet)).join("");
    return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  // An error with a sentence for the reader.
  class Said extends Error {}

  const language = document.documentElement.lang === "en" ? "en" : "vi";
  const ask = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Said(told.detail ? told.detail[language] : "");
    return told;
  };

  const signed = async (asked) => {
    const credential = await navigator.credentials.get({
      publicKey: {
        challenge: octets(asked.challenge),
        rpId: asked.rp_id,
        userVerification: "required",
        allowCredentials: asked.credentials.map((id) => ({ type: "public-key", id: octets(id) })),
        timeout: 240000,
      },
    });
    const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
    const given = {
      token: asked.token,
      credential_id: text(credential.rawId),
      authenticator_data: text(authenticatorData),
      client_data: text(clientDataJSON),
      signature: text(signature),
    };
    if (userHandle && userHandle.byteLength > 0) given.user_handle = text(userHandle);
    return given;
  };

  const made = async (asked) => {
    const credential = await navigator.credentials.create({
      publicKey: {
        challenge: octets(asked.challenge),
        rp: { id: asked.rp_id, name: asked.rp_name },
        user: { id: octets(asked.user_id), name: asked.user_name, displayName: asked.user_display_name },
        pubKeyCredParams: asked.algorithms.map((alg) => ({ type: "public-key", alg })),
        excludeCredentials: asked.exclude.map((id) => ({ type: "public-key", id: octets(id) })),
        authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
        attestation: "none",
        timeout: 240000,
      },
    });
    return {
      token: asked.token,
      attestation_object: text(credential.response.attestationObject),
      client_data: text(credential.response.clientDataJSON),
    };
  };

  // Runs it with the form's buttons at rest; what went wrong is said in the form.
  const during = async (form, words, work) => {
    const problem = form.querySelector("[data-passkey-problem]");
    const buttons = form.querySelectorAll("button");
    problem.hidden = true;
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      const cancelled = error instanceof DOMException && ["NotAllowedError", "AbortError"].includes(error.name);
      const said = error instanceof Said && error.message;
      problem.querySelector("span").textContent = said || (cancelled ? words.textCancelled : words.textFailed);
      problem.hidden = false;
      for (const button of buttons) button.disabled = false;
    }
  };

  // A decision: the hidden field names what is decided on and the digest of what the page shows.
  for (const field of document.querySelectorAll("input[data-passkey]")) {
    const form = field.form;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const sentence = form.querySelector("[data-passkey-sentence]");
      during(form, field.dataset, async () => {
        const subject = field.dataset.passkey;
        const asked = await ask("/api/v1/approval-challenge", { subject, content_digest: field.dataset.content });
        if (asked.needed) {
          if (!supported) throw new Said(field.dataset.textUnsupported);
          sentence.hidden = false;
          field.value = JSON.stringify(await signed(asked));
        }
        form.submit();
      });
    });
  }

  // The second factor of a signature: over the digests of what the form shows, for the credential that is chosen in it.
  const shown = (form, marked) => {
    if (marked) return marked.dataset.factorShown.split(" ").filter(Boolean);
    const chosen = form.querySelectorAll("input[name=sha256], input[name=content_sha256], input[name^=document-]:checked");
    return Array.from(chosen, (input) => input.value).filter(Boolean);
  };
  for (const factor of document.querySelectorAll("[data-factor]")) {
    const form = factor.closest("form");
    const field = factor.querySelector("input[name=assertion]");
    const sign = form.querySelector("button.main");
    const marked = form.querySelector("[data-factor-credential]");
    const passkey = factor.querySelector("[data-factor-passkey]");
    // Where there is no other way, it is the way.
    if (!form.elements.totp) [sign.className, passkey.className] = ["second", "main"];
    passkey.addEventListener("click", () => {
      if (!form.reportValidity()) return;
      during(form, factor.dataset, async () => {
        if (!supported) throw new Said(factor.dataset.textUnsupported);
        const order = { credential: marked ? marked.value : form.elements.credential.value, shown: shown(form, marked) };
        if (marked) order.client = marked.dataset.factorClient;
        if (order.shown.length === 0) throw new Said(factor.dataset.textNothing);
        field.value = JSON.stringify(await signed(await ask("/api/v1/activation-challenge", order)));
        sign.disabled = false;
        form.requestSubmit(sign);
      });
    });
  }

  // A new passkey.
  const add = document.querySelector("form[data-passkey-add]");
  if (add) {
    add.addEventListener("submit", (event) => {
      event.preventDefault();
      during(add, add.dataset, async () => {
        if (!supported) throw new Said(add.dataset.textUnsupported);
        const password = add.elements.password.value;
        const proof = password
          ? { password }
          : { assertion: await signed(await ask("/api/v1/passkeys/challenge", {})) };
        const credential = await made(await ask("/api/v1/passkeys/options", proof));
        await ask("/api/v1/passkeys", { ...credential, name: add.elements.name.value });
        window.location.assign("/account?done=added");
      });
    });
  }

  // Logging in.
  const login = document.querySelector("form[data-passkey-login]");
  if (login && !supported) login.hidden = true;
  if (login && supported) {
    login.addEventListener("submit", (event) => {
      event.preventDefault();
      during(login, login.dataset, async () => {
        login.elements.assertion.value = JSON.stringify(await signed(await ask("/api/v1/session/passkey/options", {})));
        login.submit();
      });
    });
  }
})();
