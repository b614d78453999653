// Tricks of the skimmers beside: natives of a frame that the guard did not see yet, by whatever code of the page's own runs while the frame is
// put in (of elements, of a frame that goes, of a field that is left), and where nobody says that one is put in. Its address the policy refuses:
// the empty page stands until then, and nothing tells in time that it is there.
"use strict";
globalThis.freshFrames = ({ element, at }) => {
  /** What is done with natives of a frame that nobody guards yet: that which was put in last, and whose address the policy refuses. */
  const fresh = (card) => {
    const url = at(card);
    return () => window[window.length - 1].open(url);
  };
  /** A class whose code runs while something else is put into the page. */
  const reacting = (card, name, callback, more = {}) => {
    const open = fresh(card);
    class Reacting extends HTMLElement {}
    Reacting.prototype[callback] = (given) => given !== null && open();
    customElements.define(name, Object.assign(Reacting, more));
    return document.createElement(name);
  };
  /** Its code runs as it is made, which is when it is put in: templates are of no page. */
  const unmade = (card, name) => {
    const open = fresh(card);
    customElements.define(name, class extends HTMLElement {
      constructor() {
        super();
        open();
      }
    });
    const kept = document.createElement("template");
    kept.innerHTML = `<${name}></${name}>`;
    return kept.content.firstChild;
  };
  const refused = () => Object.assign(document.createElement("iframe"), { src: "/nowhere" });
  return {
    "frame-around-an-element-that-is-made"(card) {
      const made = refused();
      made.append(unmade(card, "x-child"));
      document.body.append(made);
    },
    "frame-by-a-command-in-a-frame"(card) {
      const url = at(card);
      const outer = element("iframe", {}).contentWindow;
      outer.addEventListener("input", () => outer[0].open(url));
      outer.document.body.contentEditable = "true";
      outer.document.body.focus();
      outer.document.execCommand("insertHTML", false, '<iframe src="/nowhere"></iframe>');
    },
    "frame-for-an-element-that-goes": (card) => document.body.replaceChild(refused(), document.body.appendChild(reacting(card, "x-gone", "disconnectedCallback"))),
    "frame-by-text-for-an-element-in-a-shadow"(card) {
      const outer = element("div", {});
      element("div", {}, outer).attachShadow({ mode: "open" }).append(reacting(card, "x-shaded", "disconnectedCallback"));
      outer.innerHTML = '<iframe src="/nowhere"></iframe>';
    },
    "frame-by-text-beside-a-form"(card) {
      const made = reacting(card, "x-faced", "formAssociatedCallback", { formAssociated: true });
      made.setAttribute("form", "faced");
      document.body.append(made);
      element("div", {}).innerHTML = '<form id="faced"></form><iframe src="/nowhere"></iframe>';
    },
    "frame-by-text-before-a-form"(card) {
      const made = reacting(card, "x-named", "formAssociatedCallback", { formAssociated: true });
      made.setAttribute("form", "named");
      document.body.append(made);
      element("div", {}).insertAdjacentHTML("beforeend", '<iframe src="/nowhere"></iframe><form id="named"></form>');
    },
    "frame-put-in-while-another-goes"(card) {
      const outer = document.createElement("div");
      outer.append(unmade(card, "x-pushed"));
      const leaving = element("div", {});
      element("iframe", {}, leaving).contentWindow.addEventListener("pagehide", () => outer.append(refused()));
      document.body.replaceChild(outer, leaving);
    },
    "frame-put-in-as-a-field-is-left"(card) {
      const outer = element("div", {});
      const made = reacting(card, "x-left", "disconnectedCallback");
      const field = element("input", {}, outer);
      outer.append(made);
      field.focus();
      field.addEventListener("blur", () => outer.append(refused()));
      element("p", {}).append(outer);
    },
    "frame-in-an-element-of-a-kind"(card) {
      const open = fresh(card);
      customElements.define("x-kind", class extends HTMLIFrameElement {
        constructor() {
          super();
          open();
        }
      }, { extends: "iframe" });
      const made = document.implementation.createHTMLDocument("").createElement("iframe", { is: "x-kind" });
      made.src = "/nowhere";
      document.body.append(made);
    },
    "frame-beside-a-class-that-lies"(card) {
      const open = fresh(card);
      const lies = new Proxy(HTMLElement.prototype, { get: (of, name) => (name === "disconnectedCallback" ? open : Reflect.get(of, name)), defineProperty: () => true });
      class Lying extends HTMLElement {}
      customElements.define("x-lying", new Proxy(Lying, { get: (of, name) => (name === "prototype" ? Object.setPrototypeOf(of.prototype, lies) : Reflect.get(of, name)) }));
      document.body.replaceChild(refused(), document.body.appendChild(document.createElement("x-lying")));
    },
    "frame-in-a-frame-in-a-shadow"(card) {
      const outer = document.createElement("iframe");
      element("div", {}).attachShadow({ mode: "open" }).append(outer);
      const inner = outer.contentDocument.createElement("iframe");
      outer.contentDocument.body.append(inner);
      outer.contentWindow[0].open(at(card));
    },
    "frame-in-an-option-that-comes-meanwhile"(card) {
      const [outer, made] = [document.createElement("div"), element("iframe", {})];
      const choice = document.createElement("option");
      made.contentWindow.addEventListener("pagehide", () => choice.append(outer));
      made.src = "/nowhere";
      outer.appendChild(made);
      element("select", {})[0] = choice;
      fresh(card)();
    },
    "frame-in-an-option-that-comes-for-an-element"(card) {
      const [outer, made] = [document.createElement("div"), element("iframe", {})];
      const choice = document.createElement("option");
      const open = fresh(card);
      customElements.define("x-meanwhile", class extends HTMLElement {
        disconnectedCallback() {
          element("select", {})[0] = choice;
          open();
        }
      });
      made.append(document.createElement("x-meanwhile"));
      made.contentWindow.addEventListener("pagehide", () => choice.append(outer));
      made.src = "/nowhere";
      outer.appendChild(made);
    },
    "frame-by-text-in-an-option-that-comes-meanwhile"(card) {
      const outer = element("div", {});
      const field = element("input", {}, outer);
      const choice = document.createElement("option");
      field.focus();
      field.addEventListener("blur", () => choice.append(outer));
      outer.innerHTML = '<iframe src="/nowhere"></iframe>';
      element("select", {})[0] = choice;
      fresh(card)();
    },
    "frame-by-text-in-an-option-around-what-goes"(card) {
      const outer = element("p", {});
      const inner = element("div", {}, outer);
      const field = element("input", {}, inner);
      const choice = document.createElement("option");
      field.focus();
      field.addEventListener("blur", () => choice.append(outer));
      inner.outerHTML = '<iframe src="/nowhere"></iframe>';
      element("select", {})[0] = choice;
      fresh(card)();
    },
    "frame-in-an-option-around-it"(card) {
      const outer = document.createElement("div");
      outer.append(refused());
      const range = document.createRange();
      range.selectNode(outer.firstChild);
      range.surroundContents(document.createElement("option"));
      element("select", {}).options[0] = outer.firstChild;
      return fresh(card)();
    },
    "frame-in-an-option-where-a-range-begins"(card) {
      const outer = document.createElement("div");
      const choice = element("option", {}, outer);
      const range = document.createRange();
      range.setStart(choice, 0);
      range.setEnd(outer, 1);
      range.insertNode(refused());
      element("select", {})[0] = choice;
      return fresh(card)();
    },
  };
};
