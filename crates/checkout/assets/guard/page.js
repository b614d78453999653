// What is noticed, trees and passkeys, and all of it put in its place.
// Hints cannot be held back from here, but each says a host's name and no more, and it is seen.
const HINTS = "link[rel~=preconnect i],link[rel~=dns-prefetch i],link[rel~=prefetch i]";
const hinted = (link, href = apply(getAttribute, link, ["href"])) => {
  const host = foreign(href ?? "", baseOf(link));
  if (host) tell("seen", "preconnect", host);
};
// By the records, and not by the page: a hint that is gone again has done its work.
const noticed = (records) => {
  sweep();
  look(records);
  // Whose `rel` was taken away meanwhile was one all the same, and so was the address that it had.
  const were = new Marks();
  for (let at = 0; at < records.length; at += 1) {
    const target = targetOf(records[at]);
    if (attributeOf(records[at]) !== "rel" || !apply(matches, target, ["link"])) continue;
    if (apply(exec, /preconnect|prefetch/i, [formerOf(records[at]) ?? ""])) apply(add, were, [target]);
  }
  for (let at = 0; at < records.length; at += 1) {
    const target = targetOf(records[at]);
    const name = attributeOf(records[at]);
    const former = formerOf(records[at]);
    if (name === "srcdoc" && isPlaced(target) && isBarred(target)) apply(remove, target, []);
    if (name === "href" && (apply(has, were, [target]) || apply(matches, target, [HINTS]))) hinted(target, former);
    if (name === "rel" && apply(has, were, [target])) hinted(target);
    if (name && apply(matches, target, [HINTS])) hinted(target);
    const added = addedOf(records[at]);
    for (let next = countOf(added) - 1; next >= 0; next -= 1) {
      if (kindOf(added[next]) !== 1) continue;
      if (isStray(added[next])) apply(remove, added[next], []);
      clear(added[next]);
      if (apply(matches, added[next], [HINTS])) hinted(added[next]);
      const inside = apply(within, added[next], [HINTS]);
      for (let each = countOf(inside) - 1; each >= 0; each -= 1) hinted(inside[each]);
    }
  }
};
const watch = new MutationObserver(noticed);
const WATCHED = { __proto__: null, childList: true, subtree: true, attributes: true, attributeOldValue: true, attributeFilter: ["rel", "href", "srcdoc"] };
const rooted = (native, self, args) => {
  const root = apply(native, self, args);
  if (root) {
    hasTrees = true;
    apply(listen, root, ["load", sweep, true]);
    apply(observe, watch, [root, WATCHED]);
  }
  return root;
};
// Closed trees are open ones that nobody is shown: of a click in one that is closed no listener outside learns what was clicked.
const shut = new Marks();
const attached = (native, self, args) => {
  if (!stops || !args.length) return rooted(native, self, args);
  const mode = `${args[0]?.mode}`;
  const root = rooted(native, self, [{ __proto__: args[0], mode: mode === "closed" ? "open" : mode }]);
  if (mode === "closed") apply(add, shut, [self]);
  return root;
};
const shown = (native, self, args) => {
  const root = rooted(native, self, args);
  return root && apply(has, shut, [self]) ? null : root;
};
// Whether a host of another name lets this page use its passkeys, browsers ask that host (WebAuthn 3, 5.11): past the policy.
const isForeignName = (name) => {
  if (name === undefined) return false;
  let host = "";
  try { host = hostOf(new Address(`https://${name}/`)); } catch { /* of no form */ }
  if (host && (host === hostname || apply(endsWith, hostname, [`.${host}`]))) return false;
  return (!host || foreign(`https://${host}/`) !== "") && stop("credentials", host);
};
const named = (name) => (name === undefined ? name : `${name}`);
const refuse = (why = "Not the name of this page.") => apply(reject, Later, [new Refused(why, "SecurityError")]);
// Each is read once, and the browser gets what was read.
const keyed = (isNew) => (native, self, args) => {
  const options = args[0];
  let publicKey = options?.publicKey;
  if (isThing(publicKey)) {
    const rp = isNew ? publicKey.rp : undefined;
    const id = named(isNew ? rp?.id : publicKey.rpId);
    if (isForeignName(id)) return refuse();
    publicKey = { __proto__: publicKey, ...(isNew ? { rp: isThing(rp) ? { __proto__: rp, id } : rp } : { rpId: id }) };
  }
  if (isThing(options)) args[0] = { __proto__: options, publicKey };
  return apply(native, self, args);
};
const signalled = (native, self, args) => {
  const rpId = named(args[0]?.rpId);
  if (isForeignName(rpId)) return refuse();
  if (isThing(args[0])) args[0] = { __proto__: args[0], rpId };
  return apply(native, self, args);
};
// Who reads the page's nonce may load what they like.
const hidden = [["HTMLElement", "nonce"], ["SVGElement", "nonce"], ["MathMLElement", "nonce"], ["SecurityPolicyViolationEvent", "originalPolicy"],
  ["CSPViolationReportBody", "originalPolicy"], ["CSPViolationReportBody", "toJSON"], ["ReportBody", "toJSON"]];
const hide = (owner, name) => {
  const found = owner && describe(owner, name);
  if (found?.configurable) defineProperty(owner, name, { __proto__: null, get: () => "", set: found.set, configurable: false });
};
// Browsers take it out of a tag as soon as that is in the page, and an observer is told what was there.
const veiled = (native, self, args) => (stops && attributeOf(self) === "nonce" ? null : apply(native, self, args));
const CLICKS = [["click", onClick, true], ["auxclick", onClick, true], ["pointerdown", onPress, true]];
const heedClicks = (w) => {
  for (let at = 0; at < CLICKS.length; at += 1) apply(listen, w, CLICKS[at]);
};
/** Again after whatever writes the page anew, which takes listeners off. */
const attend = (written) => {
  heedClicks(window);
  if (written !== page && viewOf(written)) heedClicks(viewOf(written));
  apply(listen, page, ["load", sweep, true]);
  apply(listen, window, ["input", sweep, true]);
  apply(listen, window, ["pageshow", onShow]);
  if (written !== page) apply(listen, written, ["load", sweep, true]);
};

// What tells of something, and is put in its place also where the page only learns.
const HEARD = [
  [floated, "DocumentPictureInPicture", "requestWindow"],
  [attached, "Element", "attachShadow"],
  [roomy(pressed), "HTMLElement", "click"],
  [sent, "EventTarget", "dispatchEvent"],
  [roomy(keyed(false)), "CredentialsContainer", "get"],
  [roomy(keyed(true)), "CredentialsContainer", "create"],
  [gone(-1), "History", "back"],
  [gone(1), "History", "forward"],
  [gone(0), "History", "go"],
  [roomy(reopened), "Document", "open"],
  [roomy(written), "Document", "write writeln"],
];
const HELD = [
  [one, "Node", "appendChild insertBefore replaceChild"],
  [many, "Element", "append prepend replaceChildren before after replaceWith insertAdjacentElement"],
  [many, "Document", "append prepend replaceChildren"],
  [many, "DocumentFragment", "append prepend replaceChildren"],
  [many, "CharacterData", "before after replaceWith"],
  [many, "DocumentType", "before after replaceWith"],
  [ranged, "Range", "insertNode"],
  [surrounded, "Range", "surroundContents"],
  [one, "Document", "body"],
  [one, "HTMLTableElement", "caption tHead tFoot"],
  [one, "HTMLSelectElement", "add"],
  [listed, "HTMLOptionsCollection", "add"],
  [roomy(moved), "Element", "moveBefore"],
  [roomy(moved), "Document", "moveBefore"],
  [roomy(moved), "DocumentFragment", "moveBefore"],
  [texted(0, false, ""), "Element", "innerHTML outerHTML"],
  [texted(0), "Element", "setHTML"],
  [texted(1), "Element", "insertAdjacentHTML"],
  [texted(0, false, ""), "ShadowRoot", "innerHTML"],
  [texted(0), "ShadowRoot", "setHTML"],
  [texted(0, true), "Element", "setHTMLUnsafe"],
  [texted(0, true), "ShadowRoot", "setHTMLUnsafe"],
  // Not in all browsers yet.
  [texted(0, true), "Element", "beforeHTMLUnsafe afterHTMLUnsafe appendHTMLUnsafe prependHTMLUnsafe replaceWithHTMLUnsafe"],
  [texted(0, true), "ShadowRoot", "appendHTMLUnsafe prependHTMLUnsafe"],
  [texted(0, true), "CharacterData", "beforeHTMLUnsafe afterHTMLUnsafe replaceWithHTMLUnsafe"],
  [texted(0, true), "DocumentType", "beforeHTMLUnsafe afterHTMLUnsafe replaceWithHTMLUnsafe"],
  [streamed, "Element", "streamHTMLUnsafe streamBeforeHTMLUnsafe streamAfterHTMLUnsafe streamAppendHTMLUnsafe streamPrependHTMLUnsafe streamReplaceWithHTMLUnsafe"],
  [streamed, "ShadowRoot", "streamHTMLUnsafe streamAppendHTMLUnsafe streamPrependHTMLUnsafe"],
  [streamed, "CharacterData", "streamBeforeHTMLUnsafe streamAfterHTMLUnsafe streamReplaceWithHTMLUnsafe"],
  [streamed, "DocumentType", "streamBeforeHTMLUnsafe streamAfterHTMLUnsafe streamReplaceWithHTMLUnsafe"],
  [roomy(commanded), "Document", "execCommand"],
  [roomy(cleared), "Range", "createContextualFragment"],
  [roomy(cleared), "DOMParser", "parseFromString"],
  [roomy(cleared), "XSLTProcessor", "transformToFragment transformToDocument"],
  [roomy(cleared), "XMLHttpRequest", "response responseXML"],
  [settled(itself), "Element", "setAttribute setAttributeNS setAttributeNode setAttributeNodeNS toggleAttribute"],
  [settled(itself), "HTMLIFrameElement", "srcdoc"],
  [roomy(settled(borne)), "NamedNodeMap", "setNamedItem setNamedItemNS"],
  [settled(bearing), "Attr", "value"],
  [settled(bearing), "Node", "nodeValue textContent"],
  [roomy(reached), "HTMLIFrameElement", "contentWindow"],
  [roomy(reached), "HTMLFrameElement", "contentWindow"],
  [roomy(reached), "HTMLObjectElement", "contentWindow"],
  [roomy(paged), "HTMLIFrameElement", "contentDocument getSVGDocument"],
  [roomy(paged), "HTMLFrameElement", "contentDocument"],
  [roomy(paged), "HTMLObjectElement", "contentDocument getSVGDocument"],
  [roomy(paged), "HTMLEmbedElement", "getSVGDocument"],
  [roomy(based), "SVGAnimatedString", "baseVal"],
  [veiled, "MutationRecord", "oldValue"],
  [shown, "Element", "shadowRoot"],
  [roomy(sourced), "MessageEvent", "source"],
  [prevented, "Event", "preventDefault"],
  [policied, "TrustedTypePolicyFactory", "createPolicy"],
  [defined, "CustomElementRegistry", "define"],
  [got, "CustomElementRegistry", "get"],
  [awaited, "CustomElementRegistry", "whenDefined"],
  [spelt, "CustomElementRegistry", "getName"],
];
const PLACES = stops ? [...HEARD, ...HELD] : HEARD;
const SIGNALS = ["signalUnknownCredential", "signalAllAcceptedCredentials", "signalCurrentUserDetails"];
for (const place of PLACES) place[2] = place[2].split(" ");

const PEERS = ["RTCPeerConnection", "webkitRTCPeerConnection"];
/** A script may have one of its own of that name. */
const close = (w) => {
  for (let at = 0; at < PEERS.length; at += 1) {
    const set = (value) => defineProperty(w, PEERS[at], { __proto__: null, value, writable: true, configurable: true });
    defineProperty(w, PEERS[at], { __proto__: null, get: () => void stop("webrtc"), set, configurable: true });
  }
};
/** Of a page that learns: the same in all that a page can see, and told once it is used. */
const overhear = (w) => {
  const made = (native, args, by) => {
    stop("webrtc");
    return construct(native, args, by);
  };
  const value = new Copy(w.RTCPeerConnection, { __proto__: null, construct: made });
  for (let at = 0; at < PEERS.length; at += 1) if (describe(w, PEERS[at])) defineProperty(w, PEERS[at], { __proto__: null, value });
};

/** Of each window, once: an empty one has the page that comes into it first in the same window, with all that is in it by then. */
const realms = new Marks();
const equip = (w) => {
  if (w.RTCPeerConnection) {
    if (stops) close(w);
    else overhear(w);
  }
  replace(w, "open", roomy(opened));
  for (let at = 0; at < PLACES.length; at += 1) {
    for (let next = 0; next < PLACES[at][2].length; next += 1) wrap(w[PLACES[at][1]]?.prototype, PLACES[at][2][next], PLACES[at][0]);
  }
  for (let at = 0; stops && at < hidden.length; at += 1) hide(w[hidden[at][0]]?.prototype, hidden[at][1]);
  if (w.PublicKeyCredential) for (let at = 0; at < SIGNALS.length; at += 1) wrap(w.PublicKeyCredential, SIGNALS[at], roomy(signalled));
  wrap(w.Document, "parseHTMLUnsafe", roomy(parsed));
  wrap(w.Document, "parseHTML", roomy(cleared));
  if (!stops) return;
  knowing(w);
  nameless(w);
  tells(w.Event.prototype, "defaultPrevented", true);
  tells(w.Event.prototype, "returnValue", false);
};
const arm = (w) => {
  const frame = w === window ? null : elementOf(w);
  if (frame) apply(note, elements, [w, frame]);
  // Where nothing may run, listeners of ours may not, either (WebKit).
  if (frame && apply(matches, frame, ['[srcdoc],[sandbox]:not([sandbox~="allow-scripts" i])']) && stop("frame")) {
    apply(add, armed, [w.document]);
    apply(remove, frame, []);
    return;
  }
  // The prototype of a window is its own, and nobody gives it another.
  const realm = prototypeOf(w);
  if (!apply(has, realms, [realm])) {
    equip(w);
    apply(add, realms, [realm]);
  }
  if (w !== window) {
    heedClicks(w);
    apply(listen, w, ["input", sweep, true]);
  }
  // No window hears of what loads in its page, its document does, and before the frame's own listeners.
  apply(listen, w.document, ["load", sweep, true]);
  apply(observe, watch, [w.document, WATCHED]);
  const moves = around && navigationOf(w);
  if (moves) apply(listen, moves, ["navigate", w === window ? onNavigate : onFrameNavigate]);
  // Last, so that what failed half-way is done at the next look.
  apply(add, armed, [w.document]);
};
arm(window);
attend(page);
// Who opened this window hears nothing, and nobody here reaches it, whichever host it is of.
if (stops) window.opener = null;
