// Passkeys (W3C Web Authentication). Everything else on our pages works without it.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => {
    let out = "";
    for (const byte of new Uint8Array(buffer)) out += String.fromCharCode(byte);
    return btoa(out).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };
  const named = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // A challenge from our side, for this form. One after the other: the last one asked for is the one that counts.
  let asked = Promise.resolve();
  const ask = (form) => (asked = asked.catch(() => {}).then(() => request(form)));
  const request = async (form) => {
    const body = new URLSearchParams({ csrf: form.elements.csrf.value });
    if (form.elements.next) body.set("next", form.elements.next.value);
    const answer = await fetch(form.dataset.options, { method: "POST", body, headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error("no challenge");
    return answer.json();
  };

  const create = async (options) => {
    const made = await navigator.credentials.create({ publicKey: {
      ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: named(options.excludeCredentials),
    } });
    return { clientData: text(made.response.clientDataJSON), attestation: text(made.response.attestationObject) };
  };

  const get = async (options, more) => {
    const shown = await navigator.credentials.get({ publicKey: {
      ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials),
    }, ...more });
    const { response } = shown;
    return {
      id: text(shown.rawId), clientData: text(response.clientDataJSON), signature: text(response.signature),
      authenticatorData: text(response.authenticatorData),
      userHandle: response.userHandle ? text(response.userHandle) : "",
    };
  };

  const send = (form, shown) => {
    form.elements.credential.value = JSON.stringify(shown);
    form.submit();
  };

  // The browser offers passkeys in the e-mail field, until a button asks for them.
  let waiting = null;
  const offer = async (form) => {
    const can = PublicKeyCredential.isConditionalMediationAvailable;
    waiting = new AbortController();
    const { signal } = waiting;
    if (!can || !(await can.call(PublicKeyCredential)) || signal.aborted) return;
    const options = await ask(form);
    if (!signal.aborted) send(form, await get(options, { mediation: "conditional", signal }));
  };

  for (const note of document.querySelectorAll("[data-passkey-none]")) note.hidden = true;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const fault = form.querySelector("[data-passkey-fault]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      fault.hidden = true;
      if (waiting) waiting.abort();
      try {
        const options = await ask(form);
        send(form, await (form.dataset.passkey === "create" ? create(options) : get(options, {})));
      } catch {
        fault.hidden = false;
      }
    });
    if (form.dataset.passkey === "sign-in") offer(form).catch(() => {});
  }
})();
