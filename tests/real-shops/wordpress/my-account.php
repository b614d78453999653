<?php
// A "My Account" page with the forms of WooCommerce's, by their addresses, fields and habits: signs in, signs up and signs in
// at once, and signs in behind a reset. It stands in for the plugin, which comes from a place that tests do not reach.
// Mails go into a file.
add_filter('pre_wp_mail', function ($done, $mail) {
    file_put_contents(getenv('SHOP_MAILS'), json_encode($mail) . "\n", FILE_APPEND);
    return true;
}, 10, 2);

// WooCommerce takes its sign-in on any page, before that is chosen.
add_action('wp_loaded', function () {
    if (isset($_POST['login'], $_POST['username'], $_POST['password'])) {
        storeward_act('');
    }
});

// The page has a name in the shop's language, or whatever its owner calls it.
define('SHOP_ACCOUNT', getenv('SHOP_ACCOUNT') ?: '/my-account');

// Where the test says so, customers are led away from the back office, as WooCommerce does (prevent_admin_access).
add_action('admin_init', function () {
    if (getenv('SHOP_LEADS_AWAY') && !wp_doing_ajax() && !current_user_can('edit_posts')) {
        wp_safe_redirect(home_url(SHOP_ACCOUNT . '/'));
        exit;
    }
});

// Where the test says so, a plugin keeps the REST interface for whoever writes something.
add_filter('rest_authentication_errors', function ($result) {
    return getenv('SHOP_REST') === 'shut' && !current_user_can('edit_posts') ? new WP_Error('rest_disabled', '', ['status' => 403]) : $result;
}, 200);

add_action('template_redirect', function () {
    $path = rtrim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
    $path = substr($path, strlen(getenv('SHOP_FOLDER') ?: ''));
    $pages = [SHOP_ACCOUNT, SHOP_ACCOUNT . '/edit-account', SHOP_ACCOUNT . '/lost-password', '/checkout'];
    if (!in_array($path, $pages, true)) {
        return;
    }
    status_header(200);
    nocache_headers();
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        storeward_act($path);
    }
    $user = wp_get_current_user();
    echo '<!doctype html><title>My account</title><h1>My account</h1>';
    if (!$user->exists()) {
        $nonce = wp_create_nonce('woocommerce-login');
        echo "<form method=post class=login><input name=username><input type=password name=password>"
            . "<input type=checkbox name=rememberme value=forever><input type=hidden name=woocommerce-login-nonce value='$nonce'>"
            . '<button name=login value="Log in">Log in</button></form>';
        exit;
    }
    echo '<p>Hello ' . esc_html($user->display_name) . '</p><p><a href="' . esc_url(wp_logout_url()) . '">Log out</a></p>';
    if ($path === SHOP_ACCOUNT . '/edit-account') {
        $nonce = wp_create_nonce('save_account_details');
        echo '<form method=post><input type=email name=account_email value="' . esc_attr($user->user_email) . '">'
            . "<input type=hidden name=save-account-details-nonce value='$nonce'><button name=save_account_details value=1>Save</button></form>";
    }
    exit;
}, 0);

function storeward_act($path) {
    if (isset($_POST['login'], $_POST['username'], $_POST['password'])) {
        $user = wp_signon([
            'user_login' => wp_unslash($_POST['username']),
            'user_password' => $_POST['password'],
            'remember' => isset($_POST['rememberme']),
        ], is_ssl());
        if (!is_wp_error($user)) {
            wp_redirect(home_url(SHOP_ACCOUNT . '/'));
            exit;
        }
        echo '<p class=error>Wrong.</p>';
    } elseif (isset($_POST['register'], $_POST['email'], $_POST['password'])) {
        $id = wp_create_user(sanitize_user($_POST['email']), $_POST['password'], $_POST['email']);
        if (!is_wp_error($id)) {
            wp_set_auth_cookie($id, true, is_ssl());
            wp_redirect(home_url(SHOP_ACCOUNT . '/'));
            exit;
        }
    } elseif (isset($_POST['wc_reset_password'], $_POST['reset_login'], $_POST['reset_key'])) {
        $user = check_password_reset_key($_POST['reset_key'], $_POST['reset_login']);
        if (!is_wp_error($user)) {
            reset_password($user, $_POST['password_1']);
            wp_set_auth_cookie($user->ID, true, is_ssl());
            wp_redirect(home_url(SHOP_ACCOUNT . '/'));
            exit;
        }
    } elseif (isset($_POST['save_account_details'], $_POST['account_email'])) {
        check_admin_referer('save_account_details', 'save-account-details-nonce');
        wp_update_user(['ID' => get_current_user_id(), 'user_email' => sanitize_email($_POST['account_email'])]);
        wp_redirect(home_url(SHOP_ACCOUNT . '/'));
        exit;
    }
}
