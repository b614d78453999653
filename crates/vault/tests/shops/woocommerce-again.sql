-- After an erasure: orders of an account that is older, of a guest, and of an account that is new and gets what its owner had ordered before.
INSERT INTO wp_users (ID, user_email, user_registered) VALUES (9, 'gus@guests.example', '2026-11-26 10:00:00');
INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (9, 'wp_capabilities', 'a:1:{s:8:"customer";b:1;}');
INSERT INTO wp_woocommerce_payment_tokens (token_id, gateway_id, token, user_id, type) VALUES (50, 'stripe', 'pm_gus', 9, 'CC'), (51, 'stripe', 'pm_ada', 2, 'CC');
UPDATE wp_wc_orders SET customer_id = 9, date_updated_gmt = UTC_TIMESTAMP() WHERE id IN (102, 103);
UPDATE wp_postmeta SET meta_value = '9' WHERE post_id IN (102, 103) AND meta_key = '_customer_user';
INSERT INTO wp_wc_orders (id, status, currency, type, total_amount, customer_id, billing_email, date_created_gmt, date_updated_gmt, payment_method, transaction_id) VALUES
  (110, 'wc-processing', 'EUR', 'shop_order', 1.00, 2, 'ada@people.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'stripe', 'pi_110'),
  (111, 'wc-processing', 'EUR', 'shop_order', 1.00, 0, 'bob@people.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'stripe', 'pi_111'),
  (112, 'wc-processing', 'EUR', 'shop_order', 1.00, 9, 'gus@guests.example', '2026-11-26 10:00:00', UTC_TIMESTAMP(), 'stripe', 'pi_112');
INSERT INTO wp_wc_order_addresses (order_id, address_type, first_name, last_name) VALUES (111, 'billing', 'Bob', 'Again');
UPDATE wp_posts SET post_modified_gmt = UTC_TIMESTAMP() WHERE ID IN (102, 103);
INSERT INTO wp_posts (ID, post_type, post_status, post_date_gmt, post_modified_gmt) VALUES
  (110, 'shop_order', 'wc-processing', '2026-11-26 10:00:00', UTC_TIMESTAMP()), (111, 'shop_order', 'wc-processing', '2026-11-26 10:00:00', UTC_TIMESTAMP()),
  (112, 'shop_order', 'wc-processing', '2026-11-26 10:00:00', UTC_TIMESTAMP());
INSERT INTO wp_postmeta (post_id, meta_key, meta_value) VALUES
  (110, '_customer_user', '2'), (110, '_billing_email', 'ada@people.example'), (110, '_payment_method', 'stripe'), (110, '_transaction_id', 'pi_110'),
  (111, '_customer_user', '0'), (111, '_billing_email', 'bob@people.example'), (111, '_billing_first_name', 'Bob'), (111, '_billing_last_name', 'Again'),
  (112, '_customer_user', '9'), (112, '_billing_email', 'gus@guests.example'), (112, '_payment_method', 'stripe'), (112, '_transaction_id', 'pi_112');
INSERT INTO wp_wc_order_stats (order_id, status, customer_id) VALUES (111, 'wc-processing', 3);
