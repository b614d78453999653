<?php
// What any WordPress behind a proxy that ends TLS is told: the proxy's word for https. The database comes by the environment.
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}
// Below a folder of the host, where the test says so.
$storeward_home = 'https://' . ($_SERVER['HTTP_HOST'] ?? 'localhost') . (getenv('SHOP_FOLDER') ?: '');
define('WP_HOME', $storeward_home);
define('WP_SITEURL', $storeward_home);
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:' . getenv('SHOP_SOCKET'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define($name . '_KEY', "a test's key of $name, good for nothing else");
    define($name . '_SALT', "a test's salt of $name, good for nothing else");
}
// Nothing leaves this machine.
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
define('WP_AUTO_UPDATE_CORE', false);
define('WP_DEBUG', false);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
