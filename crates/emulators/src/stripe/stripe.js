// Stands in for Stripe.js: initEmbeddedCheckout and mount, and nothing else. Inside of the frame it tells the page around it where to go.
'use strict';
(() => {
  const base = new URL(document.currentScript.src).origin;
  const done = document.getElementById('done');
  if (done && window.parent !== window) {
    window.parent.postMessage({ standIn: 'stripe', to: done.dataset.to }, '*');
    return;
  }
  window.Stripe = (key) => {
    if (!/^pk_(test|live)_/.test(key)) throw new Error('Please call Stripe() with your publishable key.');
    const initEmbeddedCheckout = async ({ clientSecret, fetchClientSecret }) => {
      const secret = clientSecret ?? (await fetchClientSecret());
      const id = secret.split('_secret_')[0];
      if (!/^cs_(test|live)_/.test(id)) throw new Error('Invalid client secret.');
      const frame = document.createElement('iframe');
      frame.title = 'Secure payment form';
      frame.src = `${base}/c/embed/${id}?secret=${encodeURIComponent(secret)}`;
      frame.height = '820';
      addEventListener('message', (event) => {
        if (event.origin === base && event.source === frame.contentWindow && event.data.standIn === 'stripe') {
          location.assign(event.data.to);
        }
      });
      return { mount: (place) => document.querySelector(place).append(frame), destroy: () => frame.remove() };
    };
    return { initEmbeddedCheckout };
  };
})();
