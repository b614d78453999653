-- The same shop with its orders as posts, as WooCommerce kept them before version 8 and still does where it was told so: what an order is
-- stands in wp_postmeta, guests in WooCommerce's own table of customers.
INSERT INTO wp_options (option_name, option_value) VALUES ('woocommerce_custom_orders_table_enabled', 'no');
INSERT INTO wp_posts (ID, post_type, post_status, post_date_gmt, post_modified_gmt, post_excerpt) VALUES
  (101, 'shop_order', 'wc-completed', '2026-03-01 10:00:00', '2026-03-02 10:00:00', 'Ring twice'),
  (102, 'shop_order', 'wc-processing', '2026-03-03 10:00:00', '2026-03-03 10:00:00', ''),
  (103, 'shop_order', 'wc-processing', '2026-04-03 10:00:00', '2026-04-03 10:00:00', 'card 4111 1111 1111 1111'),
  (104, 'shop_order', 'wc-completed', '2026-04-04 10:00:00', '2026-04-04 10:00:00', ''),
  (105, 'shop_order_refund', 'wc-completed', '2026-04-05 10:00:00', '2026-04-05 10:00:00', ''),
  (106, 'shop_order', 'wc-checkout-draft', '2026-04-06 10:00:00', '2026-04-06 10:00:00', ''),
  (107, 'shop_order', 'trash', '2026-04-07 10:00:00', '2026-04-07 10:00:00', ''),
  (108, 'post', 'publish', '2026-04-08 10:00:00', '2026-04-08 10:00:00', '');
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES
  (101, '_customer_user', '2'), (101, '_billing_email', 'ada@people.example'), (101, '_order_total', '42.50'), (101, '_order_currency', 'EUR'),
  (101, '_payment_method', 'stripe'), (101, '_transaction_id', 'pi_1'), (101, '_shipping_first_name', 'Ada'), (101, '_shipping_last_name', 'Łovelace'),
  (101, '_shipping_address_1', 'Mill Lane 1'), (101, '_shipping_city', 'Ockham'), (101, '_shipping_postcode', 'N12 9ET'), (101, '_shipping_country', 'GB'),
  (101, '_customer_ip_address', '192.0.2.9'),
  (102, '_customer_user', '0'), (102, '_billing_email', 'Gus@guests.example'), (102, '_order_total', '1800'), (102, '_order_currency', 'JPY'),
  (102, '_billing_first_name', 'Gus'), (102, '_billing_last_name', 'Old'), (102, '_billing_address_1', 'Old Road 1'), (102, '_billing_city', 'Lyon'),
  (103, '_customer_user', '0'), (103, '_billing_email', 'gus@guests.example'), (103, '_order_total', '9.99'), (103, '_order_currency', 'EUR'),
  (103, '_billing_first_name', 'Gus'), (103, '_billing_last_name', 'Guest'), (103, '_billing_address_1', 'New Road 2'), (103, '_billing_city', 'Lyon'),
  (103, '_billing_postcode', '69002'), (103, '_billing_country', 'FR'), (103, '_billing_phone', '04 72 00 00 01'),
  (103, '_shipping_first_name', 'Gus'), (103, '_shipping_last_name', 'Guest'), (103, '_shipping_address_1', 'New Road 2'),
  (104, '_customer_user', '0'), (104, '_billing_email', 'bob@people.example'), (104, '_order_total', '5.00'), (104, '_order_currency', 'EUR'),
  (106, '_customer_user', '0'), (106, '_billing_email', 'draft@guests.example'), (107, '_customer_user', '0'), (107, '_billing_email', 'bin@guests.example');
INSERT INTO wp_wc_customer_lookup (customer_id, user_id, first_name, last_name, email) VALUES
  (1, 2, 'Ada', 'Łovelace', 'ada@people.example'), (2, NULL, 'Gus', 'Guest', 'gus@guests.example'), (3, NULL, 'Bob', '', 'bob@people.example');
INSERT INTO wp_wc_order_stats (order_id, status, customer_id) VALUES
  (101, 'wc-completed', 1), (102, 'wc-processing', 2), (103, 'wc-processing', 2), (104, 'wc-completed', 3);
INSERT INTO wp_woocommerce_order_items (order_item_id, order_item_name, order_item_type, order_id) VALUES
  (1, 'Peat mug', 'line_item', 101), (2, 'Salt bowl', 'line_item', 101), (3, 'By post', 'shipping', 101);
INSERT INTO wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value) VALUES (1, '_qty', '2'), (2, '_qty', '1');
