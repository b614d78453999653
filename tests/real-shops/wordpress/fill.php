<?php
// Fills a fresh WordPress: an owner, a customer, a page of each, an application password. Prints what the test needs as JSON.
define('WP_INSTALLING', true);
$root = $argv[1];
require $root . '/wp-load.php';
require_once $root . '/wp-admin/includes/upgrade.php';

wp_install("Potter's Yard", 'owner', 'owner@shop.example', true, '', 'nine brass kettles whistle');
update_option('permalink_structure', '/%postname%/');
update_option('users_can_register', 1);
function customer($login, $name, $password) {
    $made = wp_insert_user([
        'user_login' => $login,
        'user_email' => "$login@people.example",
        'user_pass' => $password,
        'display_name' => $name,
        'role' => 'subscriber',
    ]);
    if (is_wp_error($made)) {
        fwrite(STDERR, $made->get_error_message());
        exit(1);
    }
    return $made;
}
$ella = customer('ella', 'Ella of Kiln Yard', 'grey slate roof in rain');
customer('kim', 'Test account', 'two green lanterns sway');
customer('ida', 'Ida of Salt Lane', 'seven grey herons wade');
add_role('packer', 'Packer', ['read' => true, 'list_users' => true, 'manage_options' => true, 'moderate_comments' => true]);
$pia = customer('pia', 'Pia of the packers', 'four green barrels roll');
(new WP_User($pia))->set_role('packer');
wp_insert_post(['post_title' => 'Peat mug', 'post_name' => 'peat-mug', 'post_status' => 'publish', 'post_content' => 'Holds a quarter of a litre.']);
$made = WP_Application_Passwords::create_new_application_password($ella, ['name' => 'her reader']);
echo json_encode(['application' => is_wp_error($made) ? null : $made[0]]);
