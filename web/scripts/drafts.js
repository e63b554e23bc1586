// Drafts of the booth: what cannot be sent while the network is gone stays on this device, encrypted (AES-GCM), and is sent once when it is
// back. The keys are the service's, given to a session and held by this page alone; what lies on the device is readable by nobody without
// logging in again as the same operator. See docs/decisions/0058.
"use strict";
(() => {
  if (!document.querySelector("[data-drafts]") || !window.indexedDB || !(window.crypto && window.crypto.subtle)) return;
  const DATABASE = "chuky-booth";
  const STORE = "drafts";
  // Drafts on one device, whoever entered them.
  const MOST = 200;
  const LONGEST_ANSWER = 20000;
  const LONGEST_PROBE = 4000;
  const AGAIN = 15000;
  const FIELDS = ["card_text", "province", "locality", "phone", "identity_ground", "card_compared", "face_compared"];

  const keys = new Map();
  let owner = "";
  let days = { newest: 0, oldest: 0 };
  let offline = !navigator.onLine;
  // Why drafts wait although the network is there: a key of the part's texts.
  let trouble = "";
  let told = "";
  let busy = false;
  // What became of drafts that this page has sent.
  const outcomes = [];

  const place = () => document.querySelector("[data-drafts]");
  const find = (name) => place().querySelector(`[data-drafts-${name}]`);

  // The page's one band for a network that is gone says here what goes on all the same.
  const signal = () => {
    const band = document.querySelector("[data-offline]");
    const { textOffline, textKeyless } = place().dataset;
    const text = keys.size ? textOffline : textKeyless;
    if (band.textContent !== text) band.textContent = text;
    band.hidden = !offline;
  };

  // The device's store.

  const opened = () => new Promise((resolve, reject) => {
    const request = window.indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  const stored = async (mode, work) => {
    const database = await opened();
    try {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = work(transaction.objectStore(STORE));
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onerror = transaction.onabort = () => reject(transaction.error);
      });
      return request.result;
    } finally {
      database.close();
    }
  };

  const all = () => stored("readonly", (store) => store.getAll());
  const remove = (id) => stored("readwrite", (store) => store.delete(id));
  const mine = async () => (await all()).filter((record) => record.owner === owner && keys.has(record.day)).sort((one, other) => one.saved - other.saved);

  // Nobody is given a key of a day that far back: what lies under it is noise.
  const purge = async () => {
    for (const record of await all()) if (record.day < days.oldest) await remove(record.id);
  };

  // A record moved to another name, day or owner does not open.
  const bound = (record) => new TextEncoder().encode(["chuky-booth-draft-v1", record.owner, record.day, record.id].join("|"));

  const seal = async (id, day, saved, draft) => {
    const record = { id, owner, day, saved, nonce: window.crypto.getRandomValues(new Uint8Array(12)) };
    const plain = new TextEncoder().encode(JSON.stringify(draft));
    const algorithm = { name: "AES-GCM", iv: record.nonce, additionalData: bound(record) };
    record.sealed = await window.crypto.subtle.encrypt(algorithm, keys.get(day), plain);
    plain.fill(0);
    await stored("readwrite", (store) => store.put(record));
  };

  const unseal = async (record) => {
    const algorithm = { name: "AES-GCM", iv: record.nonce, additionalData: bound(record) };
    try {
      return JSON.parse(new TextDecoder().decode(await window.crypto.subtle.decrypt(algorithm, keys.get(record.day), record.sealed)));
    } catch {
      return { broken: true, name: "", fields: {} };
    }
  };

  const keep = async (fields, id) => {
    if ((await all()).length >= MOST) return say("full");
    const kept = Object.fromEntries(FIELDS.filter((name) => fields[name]).map((name) => [name, fields[name]]));
    const name = (kept.card_text || "").split("|")[2] || "";
    try {
      await seal(id || window.crypto.randomUUID(), days.newest, Date.now(), { fields: kept, name });
    } catch {
      return say("store");
    }
    return say("saved");
  };

  // The service.

  const ask = (path, fields) => fetch(path, {
    method: "POST", credentials: "same-origin", redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(LONGEST_ANSWER),
    headers: { Accept: "application/json" }, body: new URLSearchParams({ ...fields, csrf: place().dataset.token }),
  });

  const reachable = async () => {
    if (!navigator.onLine) return false;
    try {
      await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(LONGEST_PROBE) });
      return true;
    } catch {
      return false;
    }
  };

  const learn = async () => {
    const answer = await ask("/booth/draft-keys", {});
    if (!answer.ok) return false;
    const given = await answer.json();
    for (const { day, key } of given.keys) {
      const octets = Uint8Array.from(window.atob(key), (letter) => letter.charCodeAt(0));
      keys.set(day, await window.crypto.subtle.importKey("raw", octets, "AES-GCM", false, ["encrypt", "decrypt"]));
      octets.fill(0);
    }
    owner = given.owner;
    days = { newest: given.keys[0].day, oldest: given.keys[given.keys.length - 1].day };
    return true;
  };

  // Sends one draft; whether the next one may follow. The draft's name is its idempotency key, so that an answer that was lost is given again.
  const sent = async (record) => {
    const draft = await unseal(record);
    if (draft.broken || draft.refused) return true;
    let answer;
    let said;
    try {
      answer = await ask("/booth/drafts", { ...draft.fields, idempotency_key: record.id });
      said = answer.type === "opaqueredirect" ? {} : await answer.json();
    } catch {
      offline = !(await reachable());
      trouble = "later";
      return false;
    }
    if (answer.ok && said.address) {
      await remove(record.id);
      outcomes.unshift({ name: draft.name, address: said.address });
      return true;
    }
    // `said` is there where the service judged the draft; everything else is about the session or the moment.
    if (!said.said || answer.status >= 500 || answer.status === 429 || said.code === "request_under_way") {
      trouble = answer.status >= 500 || answer.status === 429 || said.said ? "later" : "session";
      return false;
    }
    await seal(record.id, record.day, record.saved, { ...draft, refused: said.said });
    return true;
  };

  let running = null;
  const synchronised = async () => {
    trouble = "";
    try {
      if (!(await learn())) trouble = "session";
      offline = false;
    } catch {
      offline = !(await reachable());
      trouble = offline ? "" : "later";
    }
    if (!offline && !trouble) {
      await purge();
      // One page of this browser at a time.
      await navigator.locks.request(DATABASE, async () => {
        for (const record of await mine()) if (!(await sent(record))) break;
      });
      if (told === "saved" && !trouble) told = "";
    }
    await render();
  };
  const synchronise = () => {
    running = running || synchronised().finally(() => { running = null; });
    return running;
  };

  // The page.

  const say = (which) => {
    told = which;
    return render();
  };

  const row = (state, name) => {
    const item = find("row").content.firstElementChild.cloneNode(true);
    item.dataset.draftState = state;
    item.querySelector("[data-row-name]").textContent = name;
    item.querySelector("[data-row-state]").textContent = place().dataset[`text${state[0].toUpperCase()}${state.slice(1)}`];
    return item;
  };

  const kept = async (record) => {
    const draft = await unseal(record);
    const state = draft.broken ? "broken" : draft.refused ? "refused" : "waiting";
    const item = row(state, draft.name);
    const clock = item.querySelector("[data-row-clock]");
    clock.dateTime = new Date(record.saved).toISOString();
    clock.textContent = new Date(record.saved).toLocaleTimeString("vi-VN", { hour: "2-digit", minute: "2-digit" });
    item.querySelector("[data-row-reason]").textContent = draft.refused || "";
    const look = item.querySelector("[data-row-look]");
    look.hidden = state !== "refused";
    look.addEventListener("click", () => {
      const form = find("scan");
      form.elements.card_text.value = draft.fields.card_text;
      form.requestSubmit();
    });
    const drop = item.querySelector("[data-row-drop]");
    drop.hidden = false;
    drop.addEventListener("click", async () => {
      if (!window.confirm(place().dataset.textErase)) return;
      await remove(record.id);
      await render();
    });
    return item;
  };

  let round = 0;
  const render = async () => {
    const now = (round += 1);
    const records = owner ? await mine() : [];
    const items = outcomes.map(({ name, address }) => {
      const item = row("sent", name);
      const link = item.querySelector("[data-row-open]");
      link.href = address;
      link.hidden = false;
      return item;
    });
    for (const record of records) items.push(await kept(record));
    if (now !== round) return;
    const part = place();
    const word = told || trouble;
    signal();
    find("said").hidden = !word;
    find("said").textContent = word ? part.dataset[`text${word[0].toUpperCase()}${word.slice(1)}`] : "";
    // Where a card is read anyway, the step's own form does it.
    find("scan").hidden = !(offline && keys.size && find("form").hidden) || Boolean(document.querySelector("[data-scan]"));
    find("kept").hidden = !items.length;
    part.hidden = !(items.length || word || !find("scan").hidden || !find("form").hidden);
    // Rows that say the same stay, with the cursor that may be on them.
    const list = find("list");
    const drawn = JSON.stringify([owner, outcomes.length, records.map((one) => one.id), items.map((item) => [item.dataset.draftState, item.textContent])]);
    if (list.drawn !== drawn) {
      list.replaceChildren(...items);
      list.drawn = drawn;
    }
    part.dataset.draftsWaiting = String(records.length);
    part.dataset.draftsNetwork = offline ? "gone" : "there";
  };

  // What a scanner would have read of a card that was typed in: as the service does it.
  const cardText = (form) => {
    const value = (name, bars = true) => {
      const text = form.elements[name] ? form.elements[name].value.trim() : "";
      return bars ? text.replaceAll("|", " ") : text;
    };
    if (form.elements.card_text) return (form.elements.draft_text && value("draft_text", false)) || value("card_text", false);
    const parts = value("birth_date").split(/[\/\-. ]/).filter(Boolean);
    const born = parts.length === 3 ? parts[0].padStart(2, "0") + parts[1].padStart(2, "0") + parts[2] : value("birth_date");
    return [value("personal_number").replace(/\s/g, ""), "", value("full_name"), born, value("sex"), value("address"), ""].join("|");
  };

  const compare = (text) => {
    const fields = text.split("|").map((field) => field.trim());
    const form = find("form");
    if (fields.length < 6 || !/^\d{12}$/.test(fields[0]) || !fields[2]) return say("card");
    const shown = [fields[0].replace(/(\d{3})(?=\d)/g, "$1 "), "", fields[2], fields[3].replace(/^(\d\d)(\d\d)(\d{4})$/, "$1/$2/$3"), fields[4], fields[5]];
    for (const cell of form.querySelectorAll("[data-card]")) cell.textContent = shown[Number(cell.dataset.card)];
    form.reset();
    form.elements.draft_card.value = text;
    form.hidden = false;
    told = "";
    return render().then(() => form.elements.draft_card_compared.focus());
  };

  const next = async () => {
    find("form").hidden = true;
    find("form").reset();
    const scan = document.querySelector("[data-scan]") || find("scan");
    for (const field of document.querySelectorAll("[data-scan] [type=text], [data-drafts-scan] [type=text], .by-hand [type=text]")) field.value = "";
    await render();
    if (offline) scan.querySelector("[type=text]").focus();
  };

  const read = async (form) => {
    if (!offline && (await reachable())) {
      if (form.elements.draft_text) form.elements.card_text.value = cardText(form);
      return form.submit();
    }
    offline = true;
    return compare(cardText(form));
  };

  const keepCompared = async (form) => {
    const value = (name) => form.elements[name].value;
    const fields = { card_text: value("draft_card"), phone: value("draft_phone"), card_compared: "1", face_compared: "1" };
    await keep(fields);
    if (told === "saved") await next();
    if (!offline) await synchronise();
  };

  // The second step's form while the network is there: where no answer comes it becomes a draft under the same key.
  const sendNow = async (form) => {
    const body = new URLSearchParams(new FormData(form));
    let answer;
    try {
      const signal = AbortSignal.timeout(LONGEST_ANSWER);
      answer = await fetch("/booth/requests", { method: "POST", credentials: "same-origin", cache: "no-store", signal, body, headers: { Accept: "text/html" } });
    } catch {
      offline = true;
    }
    const reached = answer && new URL(answer.url).pathname.startsWith("/booth/requests/");
    if (reached) return window.location.assign(answer.url);
    // The session is over, or the network is: not sent, and not lost.
    if (!answer || answer.redirected) {
      await keep(Object.fromEntries(body), body.get("idempotency_key"));
      if (told === "saved") for (const control of form.elements) control.disabled = true;
      if (answer) await say("session");
      return find("scan").elements.draft_text.focus();
    }
    // What is wrong is said on the page.
    return form.submit();
  };

  const once = (work) => {
    if (busy) return;
    busy = true;
    work().finally(() => { busy = false; });
  };

  const leave = async (form) => {
    const waiting = owner ? (await mine()).length : 0;
    if (!waiting) return form.submit();
    const dialog = find("leave");
    const chosen = (name, work) => { dialog.querySelector(`[data-leave-${name}]`).onclick = work; };
    chosen("stay", () => dialog.close());
    chosen("keep", () => form.submit());
    chosen("erase", async () => {
      for (const record of await mine()) await remove(record.id);
      form.submit();
    });
    return dialog.showModal();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const action = form.getAttribute("action");
    const works = { "/booth/card": read, "/booth/requests": sendNow, "/booth/drafts": keepCompared };
    const work = offline && action === "/logout" ? null : action === "/logout" ? leave : works[action];
    if (work && (keys.size || action === "/booth/drafts")) {
      event.preventDefault();
      once(() => work(form));
    } else if (offline && keys.size) {
      event.preventDefault();
      say("stay");
    }
  }, true);

  // A page that is left while the network is gone cannot be opened again.
  document.addEventListener("click", (event) => {
    if (!offline || !keys.size || !event.target.closest("a[href]")) return;
    event.preventDefault();
    say("stay");
  }, true);
  window.addEventListener("beforeunload", (event) => { if (offline && keys.size) event.preventDefault(); });

  document.addEventListener("click", (event) => {
    const pressed = (name) => event.target.closest(`[data-drafts-${name}]`);
    if (pressed("send")) synchronise();
    else if (pressed("cancel")) next();
    else if (pressed("erase") && window.confirm(place().dataset.textErase)) {
      mine().then((records) => Promise.all(records.map((record) => remove(record.id)))).then(render);
    }
  });

  window.addEventListener("online", synchronise);
  window.addEventListener("offline", () => { offline = true; signal(); render(); });
  document.addEventListener("chuky:swapped", render);
  window.setInterval(async () => {
    if (offline || trouble === "later") await synchronise();
  }, AGAIN);
  // A page that the browser keeps in memory keeps no keys.
  window.addEventListener("pagehide", () => keys.clear());
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
  synchronise();
})();
