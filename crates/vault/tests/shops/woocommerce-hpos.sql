INSERT INTO wp_options (option_name, option_value) VALUES ('woocommerce_custom_orders_table_enabled', 'yes');
INSERT INTO wp_wc_orders (id, status, currency, type, total_amount, customer_id, billing_email, date_created_gmt, date_updated_gmt, payment_method, transaction_id, ip_address, customer_note) VALUES
  (101, 'wc-completed', 'EUR', 'shop_order', 42.50000000, 2, 'ada@people.example', '2026-03-01 10:00:00', '2026-03-02 10:00:00', 'stripe', 'pi_1', '192.0.2.9', 'Ring twice'),
  (102, 'wc-processing', 'JPY', 'shop_order', 1800.00000000, 0, 'Gus@guests.example', '2026-03-03 10:00:00', '2026-03-03 10:00:00', 'bacs', '', '192.0.2.9', ''),
  (103, 'wc-processing', 'EUR', 'shop_order', 9.99000000, 0, 'gus@guests.example', '2026-04-03 10:00:00', '2026-04-03 10:00:00', 'bacs', '', '192.0.2.9', 'card 4111 1111 1111 1111'),
  (104, 'wc-completed', 'EUR', 'shop_order', 5.00000000, 0, 'bob@people.example', '2026-04-04 10:00:00', '2026-04-04 10:00:00', 'bacs', '', '192.0.2.9', NULL),
  (105, 'wc-refunded', 'EUR', 'shop_order_refund', -5.00000000, 0, '', '2026-04-05 10:00:00', '2026-04-05 10:00:00', '', '', '', NULL),
  (106, 'wc-checkout-draft', 'EUR', 'shop_order', 5.00000000, 0, 'draft@guests.example', '2026-04-06 10:00:00', '2026-04-06 10:00:00', '', '', '', NULL);
INSERT INTO wp_wc_order_addresses (order_id, address_type, first_name, last_name, address_1, city, postcode, country, phone) VALUES
  (101, 'shipping', 'Ada', 'Łovelace', 'Mill Lane 1', 'Ockham', 'N12 9ET', 'GB', ''),
  (102, 'billing', 'Gus', 'Old', 'Old Road 1', 'Lyon', '69001', 'FR', '04 72 00 00 00'), (103, 'billing', 'Gus', 'Guest', 'New Road 2', 'Lyon', '69002', 'FR', '04 72 00 00 01'),
  (103, 'shipping', 'Gus', 'Guest', 'New Road 2', 'Lyon', '69002', 'FR', '');
INSERT INTO wp_woocommerce_order_items (order_item_id, order_item_name, order_item_type, order_id) VALUES
  (1, 'Peat mug', 'line_item', 101), (2, 'Salt bowl', 'line_item', 101), (3, 'By post', 'shipping', 101);
INSERT INTO wp_woocommerce_order_itemmeta (order_item_id, meta_key, meta_value) VALUES (1, '_qty', '2'), (2, '_qty', '1');
