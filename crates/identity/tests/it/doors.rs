//! What an attacker tried at the shop's own doors behind the shield, and what came of it, on both engines.

use storeward_identity::{LetterKind, MIGRATIONS, SecondFactor};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SHOP_PASSWORD, Visitor};

const PROBLEM_FORM: [(&str, &str); 2] =
    [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
const MALLORY: [(&str, &str); 2] = [("user", "mallory@people.example"), ("password", "another password")];

// Two fields of one name went to the shop uncounted, and the shop read the second.
both_engines!(a_name_or_password_that_comes_twice_is_refused, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    for body in [
        "user=z&user=ella&password=g",
        "user=ella&password=x&password=g",
        "user=z&%20user=ella&password=g",
        "user=z&user[]=ella&password=g",
        "user=ella&password=x&+password%00=g",
    ] {
        let told = thief.send("POST", "/login.php", &PROBLEM_FORM, body).await;
        assert_eq!(told.status, 400, "{body}");
        assert_eq!(told.headers["content-type"], "application/problem+json");
        assert!(told.body.contains("identity.form_ambiguous"), "{body}: {}", told.body);
    }
    assert!(behind.shop.asked().is_empty(), "the shop heard of none");
    // One field in a spelling that PHP takes for the same is counted for the same account.
    let mut refused = 0;
    for _ in 0..12 {
        let told = thief.send("POST", "/login.php", &PROBLEM_FORM, "%20user=ella&%20password=g").await;
        refused += usize::from(told.status == 429);
    }
    assert!(refused > 0, "guesses in another spelling are slowed down");
});

// PHP reads such forms and we did not: guesses went to the shop uncounted.
both_engines!(a_form_in_parts_that_shops_could_read_otherwise_is_refused, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut thief = behind.browser();
    let form = |first: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; {first}\r\n\r\nella\r\n--b\r\nContent-Disposition: form-data; \
             name=\"password\"\r\n\r\ng\r\n--b--\r\n"
        )
    };
    let own = "name=\"user\"";
    for (kind, first) in [
        ("multipart/form-data; boundary=b,x", own),
        ("multipart/form-data, x; boundary=b", own),
        ("multipart/form-data; boundary=b", "name='user'"),
        ("multipart/form-data; boundary=b", "name=\"x\"; name=\"user\""),
        ("multipart/form-data; boundary=b", "name=\"user\"; x='; filename=\"a\"'"),
    ] {
        let headers = [("accept", "application/json"), ("content-type", kind)];
        let told = thief.send("POST", "/login.php", &headers, &form(first)).await;
        assert_eq!(told.status, 400, "{kind} {first}");
        assert!(told.body.contains("identity.form_unreadable"), "{kind} {first}: {}", told.body);
    }
    assert!(behind.shop.asked().is_empty(), "the shop heard of none");
    let headers = [("accept", "application/json"), ("content-type", "multipart/form-data; boundary=b")];
    let mut refused = 0;
    for _ in 0..12 {
        refused += usize::from(thief.send("POST", "/login.php", &headers, &form(own)).await.status == 429);
    }
    assert!(refused > 0, "guesses in parts are slowed down");
});

// A device that was known for one's own account took guesses at anybody's out of every count.
both_engines!(ones_own_device_is_no_way_to_guess_at_others, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut mallory = behind.browser();
    mallory.get("/").await;
    mallory.post("/login.php", &MALLORY).await.leads_to("/.storeward/challenge");
    mallory.show_code("yes").await;
    assert!(mallory.get("/account").await.body.contains("the orders of 7"));
    let mut refused = 0;
    for _ in 0..3 {
        for _ in 0..4 {
            let guess = mallory.post("/login.php", &[("user", ADDRESS), ("password", "wrong")]).await;
            refused += usize::from(guess.status == 429);
        }
        mallory.post("/logout", &[]).await;
        mallory.post("/login.php", &MALLORY).await.leads_to("/account");
    }
    assert!(refused > 0, "an own sign-in clears nobody else's count");
});

both_engines!(strangers_do_not_lock_a_known_device_out_at_the_shops_door, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    let mut stranger = behind.browser();
    let mut last = 0;
    for _ in 0..12 {
        let guess = stranger.post("/login.php", &[("user", ADDRESS), ("password", "wrong")]).await;
        last = guess.status.as_u16();
    }
    assert_eq!(last, 429);
    owner.post("/login.php", &[("user", ADDRESS), ("password", SHOP_PASSWORD)]).await.leads_to("/account");
});

// Each right password sent a letter, without end.
both_engines!(right_passwords_send_few_letters_to_one_address, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let codes = || behind.bench.kinds().iter().filter(|kind| **kind == LetterKind::SignInCode).count();
    // Letters that are read are none too many.
    for _ in 0..6 {
        let mut owner = behind.browser();
        owner.sign_in_with_code("").await;
        assert!(owner.sees_account().await);
    }
    assert_eq!(codes(), 6);
    let mut thief = behind.browser();
    for _ in 0..10 {
        thief = behind.browser();
        thief.get("/").await;
        thief.sign_in("ella").await.leads_to("/.storeward/challenge");
    }
    assert_eq!(codes(), 6 + 4);
    assert_eq!(thief.browser.get("/.storeward/challenge").await.status, 200, "the page tells when");
});

// Whoever sat down next at the computer was in with Storeward's own pages.
both_engines!(a_sign_out_at_the_shop_ends_our_own_session, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    assert_eq!(owner.browser.get("/.storeward/account").await.status, 200);
    let before = owner.browser.cookies.clone();
    owner.post("/logout", &[]).await;
    assert_eq!(owner.browser.session(), None, "the cookie goes");
    // Nor is a copy of it worth anything.
    owner.browser.cookies = before;
    let next = owner.browser.get("/.storeward/account").await;
    assert!(next.location().starts_with("/.storeward/sign-in"), "{next:?}");
    assert_eq!(behind.bench.events("identity.signed_out").await.len(), 1);
});

// The back office was guarded, and the interface that does the same was not.
both_engines!(what_staff_do_by_an_interface_takes_a_second_factor, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("yes").await;
    assert!(owner.sees_account().await);
    owner.post("/logout", &[]).await;
    owner.sign_in("ella").await.leads_to("/account");
    let before = behind.shop.asked().len();
    let form = [("accept", "text/html"), PROBLEM_FORM[1]];
    for (method, target, body) in [
        ("GET", "/api/users?context=edit", ""),
        ("GET", "/index.php/api/users", ""),
        ("GET", "/?rest_route=/Users", ""),
        ("GET", "/?rest.route=/users/1", ""),
        // As WordPress takes them: signs off the end, rules that end before a line end, no file in a folder of pictures.
        ("GET", "/?rest_route=/users%5C", ""),
        ("GET", "/?rest_route=/users%0A", ""),
        ("POST", "/", "rest_route=/users%5C&username=backdoor"),
        ("GET", "/img/none?rest_route=/users", ""),
        ("POST", "/", "rest_route=/users&username=backdoor"),
        ("POST", "/cart", "%20rest_route=%2Fusers"),
        ("POST", "/api/users/me", "rest_route=/users/1"),
    ] {
        let told = owner.send(method, target, &form, body).await;
        assert_eq!(told.status, 403, "{method} {target} {body}");
        assert_eq!(told.headers["content-type"], "application/problem+json", "{method} {target}");
        // A route in odd signs may be the one where programs sign in, too.
        let code = if body.contains("%5C") { "identity.door_closed" } else { "identity.second_factor" };
        assert!(told.body.contains(code), "{told:?}");
    }
    // What is longer than what is read may say anything at its end.
    let long = format!("{}&rest_route=/users", "pad=yyyyyyyy&".repeat(30_000));
    assert_ne!(owner.send("POST", "/cart", &form, &long).await.status, 200);
    assert_eq!(behind.shop.asked().len(), before, "the shop heard of none");
    assert_eq!(owner.send("GET", "/api/users/me", &form, "").await.status, 200);
    assert_eq!(owner.send("POST", "/cart", &form, "product=1").await.status, 200);
    assert!(owner.sees_account().await);
});

// A picture of more than 256 KiB took a fresh factor wherever it went. Where files are taken, and no field leads anywhere else, it is
// the picture that it says; everywhere else it may hold anything.
both_engines!(a_long_upload_is_asked_about_where_a_field_could_lead_elsewhere, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, |file| {
        let routed = "[[routed]]\nparameter = \"rest_route\"\npath = \"/api\"\n";
        let file = file.replacen("\n[", "\nuploads = [\"/pictures/upload.php\"]\n[", 1);
        if file.contains("[[routed]]") { file } else { format!("{file}\n{routed}") }
    });
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    behind.bench.advance(3_600);
    assert!(owner.sees_account().await);
    let kind = [("accept", "application/json"), ("content-type", "multipart/form-data; boundary=b")];
    let picture = "x".repeat(300 * 1024);
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let long = format!("{}{}--b--\r\n", part("file", &picture), part("rest_route", "/users/me"));
    assert_eq!(owner.send("POST", "/pictures/upload.php", &kind, &long).await.status, 200);
    for target in [
        "/pictures/upload.php?rest_route=/users/me",
        "/pictures/upload.php?_method=PUT",
        "/pictures/",
        "/cart",
    ] {
        let told = owner.send("POST", target, &kind, &long).await;
        assert!(
            told.status == 403 && told.body.contains("identity.second_factor"),
            "{target}: {}",
            told.body
        );
    }
});

// A picture with a review asked its customer for a fresh factor, since a field behind it could lead elsewhere. All fields are read now.
both_engines!(a_form_with_a_large_picture_is_what_its_fields_say, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, |file| {
        let routed = "[[routed]]\nparameter = \"rest_route\"\npath = \"/api\"\n";
        if file.contains("[[routed]]") { file.to_owned() } else { format!("{file}\n{routed}") }
    });
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    behind.bench.advance(3_600);
    assert!(owner.sees_account().await);
    let field = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let picture = |bytes: usize| {
        let head = "--b\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"mug.jpg\"\r\nContent-Type: image/jpeg";
        format!("{head}\r\n\r\n{}\r\n", "\u{ff}x\0\r".repeat(bytes / 5))
    };
    let form = |behind: &str, bytes| format!("{}{}{behind}--b--\r\n", field("text", "fine"), picture(bytes));
    let whole = |body: &str| {
        let length = body.len().to_string();
        [("accept", "application/json"), ("content-type", "multipart/form-data; boundary=b")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain([("content-length".to_owned(), length)])
            .collect::<Vec<_>>()
    };
    let review = form("", 3 * 1024 * 1024);
    let asks = async |owner: &mut Visitor<'_>, body: &str, lines: &[(String, String)]| {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let told = owner.send("POST", "/cart", &lines, body).await;
        (told.status.as_u16(), told.body.contains("identity.second_factor"))
    };
    assert_eq!(asks(&mut owner, &review, &whole(&review)).await, (200, false));
    // What stands behind the picture counts, in whatever spelling the shop would take it.
    for behind in [
        field("rest_route", "/users/me"),
        field(" rest.route", "/users/me"),
        field("_method", "PUT") + &field("rest_route", "/users/me"),
    ] {
        let body = form(&behind, 1024 * 1024);
        assert_eq!(asks(&mut owner, &body, &whole(&body)).await, (403, true), "{behind}");
    }
    // A form that shops could read in two ways, that is longer than there is room for, or that does not say how long it is.
    let forged =
        form("x--b\r\nContent-Disposition: form-data; name=\"rest_route\"\r\n\r\n/users/me\r\n", 1024 * 1024);
    assert_ne!(asks(&mut owner, &forged, &whole(&forged)).await.0, 200);
    let endless = form("", 13 * 1024 * 1024);
    assert_eq!(asks(&mut owner, &endless, &whole(&endless)).await, (403, true));
    assert_eq!(asks(&mut owner, &review, &whole(&review)[..2]).await, (403, true));
    let packed = [whole(&review), vec![("content-encoding".to_owned(), "gzip".to_owned())]].concat();
    assert_ne!(asks(&mut owner, &review, &packed).await.0, 200);
    // Its own size is no stranger's: without a session nothing more is read.
    let mut guest = behind.browser();
    guest.get("/").await;
    assert_eq!(asks(&mut guest, &review, &whole(&review)).await, (200, false));
});

// A method in the query, in a form or in a header, and a script before the path, changed an address without a fresh factor.
both_engines!(an_act_is_sensitive_by_whatever_method_and_path, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut owner = behind.browser();
    owner.sign_in_with_code("").await;
    assert!(owner.sees_account().await);
    behind.bench.advance(3_600);
    assert!(owner.sees_account().await);
    let form = [("accept", "text/html"), PROBLEM_FORM[1]];
    let header = [("accept", "text/html"), ("x-http-method-override", "post")];
    for (method, target, lines, body) in [
        ("GET", "/account/email?_method=POST&email=x", &form[..], ""),
        ("GET", "/account/email?.method=post", &form, ""),
        ("GET", "/account/email", &header, ""),
        ("PATCH", "/account/email", &form, "_method=POST&email=x"),
        ("POST", "/index.php/account/email", &form, "email=x"),
        ("POST", "/x/index.php/API/users/me", &form, "email=x"),
        ("GET", "/api/users/me?_method=PUT", &form, ""),
        ("POST", "/", &form, "rest_route=/uSERs/me&email=x"),
    ] {
        let told = owner.send(method, target, lines, body).await;
        assert!(matches!(told.status.as_u16(), 303 | 403), "{method} {target} {body}: {told:?}");
    }
    let asked = behind.shop.asked();
    assert!(!asked.iter().any(|line| line.contains("email") || line.contains("users")), "{asked:?}");
    assert_eq!(owner.get("/account/email").await.status, 200, "who only looks is not asked");
});

const WRONG: [(&str, &str); 2] = [("user", ADDRESS), ("password", "wrong")];
const RIGHT: [(&str, &str); 2] = [("user", ADDRESS), ("password", SHOP_PASSWORD)];

/// Strangers guess at the name from many places, until it has to wait. Where they are told of a puzzle, they solve it.
async fn guess_everywhere(behind: &Behind, places: u8) {
    for n in 0..places {
        let mut stranger = behind.browser();
        stranger.browser.address = format!("192.0.{n}.9").parse().unwrap();
        let told = stranger.post("/login.php", &WRONG).await;
        if told.status == 429 {
            stranger.solve(&told).await;
            assert_eq!(stranger.post("/login.php", &WRONG).await.status, 401, "{n}");
        }
    }
}

// Guesses of strangers kept the owner out on a new device: no puzzle was offered, and none was taken.
both_engines!(a_victim_at_the_shops_door_solves_a_puzzle_and_is_in, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    guess_everywhere(&behind, 30).await;
    let mut owner = behind.browser();
    owner.get("/").await;
    let told = owner.post("/login.php", &RIGHT).await;
    assert_eq!(told.status, 429);
    assert!(told.headers.contains_key("retry-after"));
    assert!(told.headers["content-security-policy"].to_str().unwrap().contains("worker-src 'self'"));
    assert!(told.body.contains("/.storeward/puzzle.js") && !told.body.contains("grey"), "{}", told.body);
    owner.solve(&told).await;
    owner.post("/login.php", &RIGHT).await.leads_to("/.storeward/challenge");
    assert!(owner.browser.cookie("__Host-storeward-solved").is_none(), "it counted, and goes");
    owner.show_code("").await;
    assert!(owner.sees_account().await);
});

// For scripts of a storefront: the puzzle in the problem, its answer in a header of the same request.
both_engines!(a_script_is_told_the_puzzle_and_sends_its_answer_along, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    guess_everywhere(&behind, 8).await;
    let mut script = behind.browser();
    script.get("/").await;
    let form = format!("user={ADDRESS}&password={}", SHOP_PASSWORD.replace(' ', "+"));
    let told = script.send("POST", "/login.php", &PROBLEM_FORM, &form).await;
    let problem: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!((told.status.as_u16(), &problem["code"]), (429, &"identity.too_often".into()));
    assert_eq!(problem["answer_in"], "x-storeward-puzzle");
    let answer = storeward_puzzle::solve(&problem["puzzle"].to_string()).unwrap();
    // Elsewhere it is worth nothing, nor with another one's name on it, nor twice.
    let mut thief = behind.browser();
    thief.browser = thief.browser.elsewhere();
    let with = [PROBLEM_FORM[0], PROBLEM_FORM[1], ("x-storeward-puzzle", &*answer)];
    assert_eq!(thief.send("POST", "/login.php", &with, &form).await.status, 429);
    let passed = script.send("POST", "/login.php", &with, &form).await;
    assert!(passed.body.contains("identity.second_factor"), "{passed:?}");
    let mut again = behind.browser();
    again.get("/").await;
    assert_eq!(
        again.send("POST", "/login.php", &with, "user=ella&password=x").await.status,
        401,
        "not needed"
    );
    guess_everywhere(&behind, 8).await;
    assert_eq!(again.send("POST", "/login.php", &with, &form).await.status, 429, "shown twice");
    assert!(behind.shop.asked().iter().all(|line| !line.contains("solved")), "the shop hears of none of it");
});

both_engines!(puzzles_are_no_way_to_guess_without_end, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    guess_everywhere(&behind, 6).await;
    let mut thief = behind.browser();
    let mut heard = 0;
    for _ in 0..12 {
        let told = thief.post("/login.php", &WRONG).await;
        if told.status == 429 {
            thief.solve(&told).await;
            heard += u32::from(thief.post("/login.php", &WRONG).await.status == 401);
        }
    }
    assert_eq!(heard, 5, "of one network, for one name");
    // What is no answer is none.
    for bad in ["x", "", "a b", &"A".repeat(5_000)] {
        let kept =
            thief.browser.send("POST", "/.storeward/solved", &[], Some(&format!("answer={bad}"))).await;
        let is_kept = kept.status == 204;
        assert_eq!(is_kept, bad == "x", "{bad}");
        assert_eq!(thief.post("/login.php", &WRONG).await.status, 429);
    }
});

// WordPress takes `kim%41` and `k&x;im` for `kim`: each spelling had a count of its own.
both_engines!(spellings_of_one_name_have_one_count, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let mut heard = 0;
    for n in 0..12_u8 {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.{n}.9").parse().unwrap();
        let typed = match n % 4 {
            0 => format!("ella%{:02x}", 0x41 + n),
            1 => format!("el&x{n};la"),
            2 => format!("<i{n}>ELLA"),
            _ => format!("{}e\u{301}lla", "\u{200b}".repeat(usize::from(n))),
        };
        let told = thief.post("/login.php", &[("user", &typed), ("password", "wrong")]).await;
        heard += u32::from(told.status == 401);
    }
    assert_eq!(heard, 5, "as many as one name has");
});
