//! Plain words for the stable codes that stand in events and access records. `docs/security.md` explains each of them.

/// What a code means, in a few words, or the code itself where a newer program wrote it.
pub fn reason(code: &str) -> &str {
    match code {
        "anchor.refused" => "the place refused it",
        "anchor.not_locked" => "the bucket does not keep it locked for as long as was asked",
        "anchor.stamp_not_good" => "what the time-stamping authority answered does not hold",
        "anchor.no_mail" => "no mail can be sent",
        "post.failed" => "the mail was given up",
        "too_large" => "it is too large to be looked through",
        "encoded" => "it is encoded in a way that cannot be looked through",
        "broken" => "it could not be read to its end",
        "export" => "this role takes no file with many customers' data",
        "not_recorded" => "who sees it could not be written down",
        "head.bare_line_feed" | "head.bare_carriage_return" => "a line of the request ends wrongly",
        "head.control_character" => "control characters in a header",
        "head.request_line" => "a first line that is no request",
        "head.unreadable" => "headers that cannot be read",
        "head.version" => "an unknown version of HTTP",
        "head.header_name" => "a header name that cannot be one",
        "head.folded_header" => "a header folded over two lines",
        "head.too_large" => "headers that are too large",
        "head.too_many_headers" => "too many headers",
        "length.invalid" => "a length that cannot be read",
        "length.repeated" => "a length given twice",
        "content_type.unreadable" => "a kind of body that nobody can read",
        "content_type.repeated" => "two kinds of body named",
        "client.unreadable" => "a proxy that names no client",
        "length.with_transfer_encoding" => "two lengths that differ (request smuggling)",
        "encoding.unknown" | "encoding.repeated" | "encoding.in_http_1_0" => {
            "a transfer encoding that is refused"
        }
        "host.missing" => "no host named",
        "host.repeated" => "two hosts named",
        "host.not_ours" => "a host that is not this shop's",
        "host.invalid" => "a host that cannot be one",
        "host.contradictory" => "two hosts that differ",
        "chunk.size" | "chunk.extension" | "chunk.end" | "chunk.trailer" => "a body in broken pieces",
        "h2.preface" | "h2.protocol" | "h2.frame_size" | "h2.compression" | "h2.flow_control" => {
            "broken HTTP/2"
        }
        "h2.control_flood" | "h2.flood" => "a flood of HTTP/2 frames without work",
        "h2.reset_flood" => "a flood of cancelled requests (rapid reset)",
        "h2.too_many_streams" => "too many requests on one connection",
        "method.forbidden" | "method.unknown" => "a method that shops do not use",
        "target.form" | "target.character" => "an address with forbidden signs",
        "path.percent_encoding" => "an address with broken encoding",
        "path.nul" | "path.line_end" => "an address with hidden control characters",
        "path.dot_segment" => "an address that climbs out of the shop's folder",
        "connection.names_field" => "a header that would take others away",
        "body.too_large" => "more than this page accepts",
        "body.no_room" => "too much on its way to pages of Storeward's own",
        "body.too_slow" => "too slow with what it sent a page of Storeward's own",
        "route.closed" => "a page that is closed",
        "route.only_from" => "a page for other addresses only",
        "slow.handshake" | "slow.preface" => "too slow with the greeting",
        "slow.head" => "too slow with the headers",
        "slow.body" => "too slow with the body",
        "slow.reader" => "too slow in taking the answer",
        "slow.tunnel" => "a silent WebSocket",
        "slow.idle" => "nothing asked for a while",
        "slow.linger" => "did not leave after a refusal",
        "connections.too_many" => "too many connections",
        "upstream.none_up" => "no server of the shop is up",
        "upstream.connect" | "upstream.connect_timeout" => "the shop could not be reached",
        "upstream.broken" => "the shop broke off before its answer",
        "upstream.timeout" => "the shop took too long",
        code if code.starts_with("rate.") => rate(code),
        code if code.starts_with("websocket.") || code.starts_with("session.") => socket(code),
        "response.stalled" => "the shop stopped within its answer",
        "response.websocket" => "the shop did not open the WebSocket",
        "response.broken_off" => "the shop broke off within its answer",
        "response.unasked_upgrade" => "the shop changed the protocol unasked",
        "response.interim_flood" => "the shop announces and does not answer",
        "response.head_too_large" | "response.too_many_headers" => "the shop's answer has too large a head",
        code if code.starts_with("response.") => "an answer of the shop that could be read in two ways",
        "health_check" => "the shop did not answer when asked for its health",
        "client.left" => "the client left before the end",
        "request.body" => "the request broke off",
        other => other,
    }
}

/// What the codes of pace mean.
fn rate(code: &str) -> &str {
    match code {
        "rate.client" => "faster than one client may ask",
        "rate.route" => "faster than one client may ask on this page",
        "rate.inbox" => "too many messages where the providers of payments send theirs",
        other => other,
    }
}

/// What the codes of connections that stay open mean.
fn socket(code: &str) -> &str {
    match code {
        "websocket.version" => "a WebSocket of an unknown version",
        "websocket.frames" => "a WebSocket whose messages could be read in two ways",
        "websocket.too_long" => "a message that is too long to be looked through",
        "session.over" => "the session behind a WebSocket had ended",
        "session.refused" => "a sign-in, or an act that is confirmed again, in a WebSocket",
        "websocket.too_many" => "too many WebSockets on one connection",
        other => other,
    }
}

/// What an attack is called.
pub fn category(code: &str) -> &str {
    match code {
        "sql_injection" => "SQL injection",
        "cross_site_scripting" => "cross-site scripting",
        "path_traversal" => "path traversal",
        "sensitive_file" => "sensitive file",
        "command_injection" => "command injection",
        "template_injection" => "template injection",
        "php_injection" => "PHP injection",
        "java_injection" => "Java injection",
        "server_side_request_forgery" => "server-side request forgery",
        "nosql_injection" => "NoSQL injection",
        "prototype_pollution" => "prototype pollution",
        "ldap_injection" => "LDAP injection",
        "xml_injection" => "XML injection",
        "protocol" => "broken protocol",
        "upload" => "dangerous upload",
        "leak" => "leak in the answer",
        "card_number" => "card number sent to the shop",
        "closed_route" | "route.closed" => "closed page",
        other => other,
    }
}

/// What a client does whose behaviour is called so, behind its name: "looks for secret files".
pub fn behaviour(code: &str) -> &str {
    match code {
        "probing" => "looks for pages that do not exist",
        "probing_mass" => "looks for very many pages that do not exist",
        "admin_probing" => "looks for an administration page",
        "sensitive_files" => "looks for secret files",
        "backdoor_files" => "looks for a back door",
        "sign_in_failures" => "guesses passwords",
        "sign_in_failures_mass" => "guesses very many passwords",
        "sign_in_failures_slow" => "guesses passwords slowly",
        "sign_in_flood" => "signs in very often",
        "attack_variety" => "tries out several kinds of attack",
        "attack_repertoire" => "tries out many kinds of attack",
        "attack_hammering" => "keeps on attacking",
        "attack_mass" => "attacks again and again",
        "attack_flagged" => "would have been blocked for several reasons",
        "scanner_after_block" => "uses an attack tool after a block",
        "scanner_user_agent" => "uses an attack tool",
        "malformed_variety" => "sends requests that are malformed in many ways",
        "malformed_repeated" => "keeps sending malformed requests",
        "rate_limited" => "is too fast",
        "flooding" => "floods the shop",
        "crawling" => "reads the whole shop",
        "closed_routes" => "keeps asking for what is closed",
        "foreign_pages" => "is used by a page of another site",
        "own_pages" => "is sent after what does not belong here by a page of the shop",
        "foreign_attack_mass" => "keeps being used for attacks by pages of other sites",
        "foreign_attack_repertoire" => "is used for many kinds of attack by pages of other sites",
        // Reasons of staff.
        "staff.attack" => "attacks the shop",
        "staff.card_testing" => "tries out cards",
        "staff.scraping" => "copies the shop",
        "staff.spam" => "sends spam",
        "staff.other" => "was kept out by staff",
        other => other,
    }
}

/// A code of one or several words, as people write them: `password_changed` is "password changed".
pub fn plain(code: &str) -> String {
    code.replace(['_', '.'], " ")
}

/// `1 card number`, `3 card numbers`, `0 entries`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    match one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        _ if count == 1 => format!("1 {one}"),
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {one}s"),
    }
}

/// What a reminder is about.
pub fn topic(word: &str) -> &str {
    match word {
        "review" => "looking over the ways to sign in",
        "orders" => "looking over orders and payments",
        "lessons" => "the lessons",
        "one_device" => "the only way to sign in",
        "codes_low" => "recovery codes running out",
        "breached_password" => "a password that was stolen elsewhere",
        other => other,
    }
}
