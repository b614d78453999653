// Puts Stripe's form into its frame. What is typed there never comes here.
'use strict';
(() => {
  const place = document.getElementById('form');
  const say = (what) => {
    for (const one of document.querySelectorAll('[data-when]')) one.hidden = one.dataset.when !== what;
  };
  const begin = async () => {
    const stripe = window.Stripe(place.dataset.key);
    const make = stripe.createEmbeddedCheckoutPage || stripe.initEmbeddedCheckout;
    const form = await make.call(stripe, { clientSecret: place.dataset.opens });
    form.mount('#form');
    say('there');
  };
  if (window.Stripe) begin().catch(() => say('failed'));
  else say('failed');
})();
