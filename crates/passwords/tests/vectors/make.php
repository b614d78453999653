<?php
// Prints hashes (but for the last line, which WordPress 6.1.9's own profile page stored) as PHP itself and WordPress, Magento and phpBB store them: php make.php >> foreign.tsv
// Columns: kind, password in base 64, stored form. phpass is written out here from its public description, with PHP's
// own md5(); everything else is PHP's own function.
declare(strict_types=1);

const ITOA64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function phpass(string $password, string $prefix, int $log2, string $salt): string {
    $hash = md5($salt . $password, true);
    for ($n = 1 << $log2; $n > 0; $n--) {
        $hash = md5($hash . $password, true);
    }
    $text = '';
    for ($at = 0; $at < 16; $at += 3) {
        $value = ord($hash[$at]) | (ord($hash[$at + 1] ?? "\0") << 8) | (ord($hash[$at + 2] ?? "\0") << 16);
        for ($digits = min(4, (int) ceil((16 - $at) * 8 / 6)); $digits > 0; $digits--) {
            $text .= ITOA64[$value & 63];
            $value >>= 6;
        }
    }
    return $prefix . ITOA64[$log2] . $salt . $text;
}

function wordpress68(string $password, int $cost): string {
    $keyed = base64_encode(hash_hmac('sha384', trim($password), 'wp-sha384', true));
    return '$wp' . password_hash($keyed, PASSWORD_BCRYPT, ['cost' => $cost]);
}

function magento_argon(string $data, string $salt, int $bytes, int $ops, int $memory): string {
    while (strlen($salt) < SODIUM_CRYPTO_PWHASH_SALTBYTES) {
        $salt .= $salt;
    }
    $salt = substr($salt, 0, SODIUM_CRYPTO_PWHASH_SALTBYTES);
    return bin2hex(sodium_crypto_pwhash($bytes, $data, $salt, $ops, $memory, SODIUM_CRYPTO_PWHASH_ALG_ARGON2ID13));
}

function magento(string $password, string $salt, array $versions): string {
    $hash = $password;
    foreach ($versions as $version) {
        $parts = explode('_', (string) $version);
        $hash = match ($parts[0]) {
            '0' => md5($salt . $hash),
            '1' => hash('sha256', $salt . $hash),
            '2' => magento_argon($hash, $salt, 32, 2, 67108864),
            '3' => magento_argon($hash, $salt, (int) $parts[1], (int) $parts[2], (int) $parts[3]),
        };
    }
    return implode(':', [$hash, $salt, ...$versions]);
}

function line(string $kind, string $password, string $stored): void {
    echo $kind, "\t", base64_encode($password), "\t", $stored, "\n";
}

$long = trim(str_repeat('a long sentence about moths. ', 8));
foreach (['Lantern & Moth 1887', 'päßwörd-漢字-🦉', $long] as $password) {
    line('md5', $password, md5($password));
    line('phpass', $password, phpass($password, '$P$', 13, bin2hex(random_bytes(4))));
    line('phpass-phpbb', $password, phpass($password, '$H$', 11, bin2hex(random_bytes(4))));
    line('bcrypt-2y', $password, password_hash($password, PASSWORD_BCRYPT, ['cost' => 6]));
    line('wordpress-6.8', $password, wordpress68($password, 6));
    line('magento-0', $password, magento($password, bin2hex(random_bytes(16)), [0]));
    line('magento-1', $password, magento($password, bin2hex(random_bytes(16)), [1]));
    line('magento-0-1', $password, magento($password, bin2hex(random_bytes(16)), [0, 1]));
}
line('wordpress-6.8', ' spaces around ', wordpress68(' spaces around ', 10));
// What a form sends WordPress reaches the hash through wp_magic_quotes(), which is addslashes(); wp-cli sets it as it is.
foreach (['it\'s a "grey" slate roof 27', 'C:\\moths\\'] as $password) {
    line('phpass-form', $password, phpass(addslashes($password), '$P$', 13, bin2hex(random_bytes(4))));
    line('phpass', $password, phpass($password, '$P$', 13, bin2hex(random_bytes(4))));
    line('wordpress-6.8-form', $password, wordpress68(addslashes($password), 6));
    line('wordpress-6.8', $password, wordpress68($password, 6));
}
line('magento-2', 'Lantern & Moth 1887', magento('Lantern & Moth 1887', bin2hex(random_bytes(16)), [2]));
line('magento-3', 'Lantern & Moth 1887', magento('Lantern & Moth 1887', 'abcdefghij', ['3_32_2_67108864']));
line('magento-3', 'short salt', magento('short salt', 'xyz', ['3_32_1_8388608']));
line('magento-1-2', 'Lantern & Moth 1887', magento('Lantern & Moth 1887', bin2hex(random_bytes(16)), [1, 2]));
line('magento-0-1-3', 'Lantern & Moth 1887', magento('Lantern & Moth 1887', bin2hex(random_bytes(16)), [0, 1, '3_32_2_67108864']));
line('argon2id-php', 'Lantern & Moth 1887', sodium_crypto_pwhash_str('Lantern & Moth 1887', 2, 67108864));
