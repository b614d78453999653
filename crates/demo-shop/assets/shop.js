// Two comforts on top of pages that work without any script: adding to the cart without leaving the page, and
// stock that stays true while you look at it.
(() => {
  const status = document.querySelector("[data-status]");
  const say = (text) => {
    if (status) status.textContent = text;
  };

  const form = document.querySelector("[data-add-to-cart]");
  if (form) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      const sent = new FormData(form);
      button.disabled = true;
      try {
        const answer = await fetch("/api/cart", {
          method: "POST",
          headers: { "content-type": "application/json", "x-csrf-token": sent.get("csrf") },
          body: JSON.stringify({ slug: sent.get("slug"), quantity: Number(sent.get("quantity")) }),
        });
        if (!answer.ok) throw new Error(String(answer.status));
        const cart = await answer.json();
        document.querySelector("[data-cart-count]").textContent = cart.count;
        button.textContent = "In your cart ✓";
        say("Added to your cart.");
        setTimeout(() => (button.textContent = "Add to cart"), 2500);
      } catch {
        form.submit(); // the plain form says what went wrong
      } finally {
        button.disabled = false;
      }
    });
  }

  const shown = document.querySelectorAll("[data-stock]");
  if (shown.length > 0) {
    const stream = new EventSource("/events");
    stream.addEventListener("stock", (event) => {
      const change = JSON.parse(event.data);
      for (const place of shown) {
        if (place.dataset.stock !== change.slug) continue;
        if (change.stock === 0) place.textContent = "Sold out";
        else place.textContent = change.stock < 10 ? `Only ${change.stock} left` : "In stock";
      }
    });
    addEventListener("pagehide", () => stream.close());
  }

  for (const details of document.querySelectorAll(".checkout details")) {
    const last = [...details.parentElement.querySelectorAll("input[type=radio]")].at(-1);
    details.addEventListener("toggle", () => {
      if (details.open) last.checked = true;
    });
    last.addEventListener("change", () => (details.open = true));
  }
})();
