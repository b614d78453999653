//! Sign-ins at addresses, and names in spellings, that no file knows, on both engines.

use storeward_identity::{MIGRATIONS, SecondFactor, ShieldSection};
use storeward_store::both_engines;

use super::behind::{ADDRESS, Behind, Elevation, SHOP_PASSWORD};

const FORM: [(&str, &str); 2] =
    [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];

/// How many of these requests reach the shop, each from another address.
async fn reach(behind: &Behind, asked: &[(&str, &str, &str)]) -> usize {
    let mut reached = 0;
    for (n, (method, target, body)) in asked.iter().enumerate() {
        let mut thief = behind.browser();
        thief.browser.address = format!("192.0.{}.{}", n / 200, n % 200).parse().unwrap();
        let lines = if *method == "GET" { &FORM[..1] } else { &FORM };
        let told = thief.send(method, target, lines, body).await;
        assert!(matches!(told.status.as_u16(), 200..=403 | 429), "{method} {target} {body}: {told:?}");
        reached += usize::from(told.status != 429);
    }
    reached
}

// The file knew the English addresses only, and PrestaShop takes the fields from the query, too.
both_engines!(prestashops_sign_in_is_counted_at_whatever_address, MIGRATIONS, async |db| {
    let behind = Behind::speaking(db, "prestashop", ShieldSection::default());
    let fields = format!("submitLogin=1&email={ADDRESS}&password=wrong");
    let posts = [
        "/de/login",
        "/fr/connexion",
        "/?controller=authentication",
        "/en/index.php?controller=authentication",
        "/panier",
    ];
    let in_query = [format!("/login?{fields}"), format!("/?{fields}"), format!("/img/none?{fields}")];
    let mut asked: Vec<_> = posts.map(|path| ("POST", path, fields.as_str())).to_vec();
    asked.extend(
        in_query.iter().flat_map(|target| [("POST", target.as_str(), ""), ("GET", target.as_str(), "")]),
    );
    // Half of it in the query.
    let half = format!("/fr/connexion?email={ADDRESS}");
    asked.push(("POST", &half, "submitLogin=1&password=wrong"));
    let login = format!("/login?email={ADDRESS}");
    asked.push(("POST", &login, "submitLogin=1&password=wrong"));
    // A button that is a picture: the shop takes its place for its name (`Tools::isSubmit`).
    let pictures = ["submitLogin_x", "submitLogin.y", "submitLogin_y"]
        .map(|button| format!("{button}=7&email={ADDRESS}&password=wrong"));
    asked.extend(pictures.iter().map(|body| ("POST", "/fr/connexion", body.as_str())));
    assert_eq!(reach(&behind, &asked.repeat(2)).await, 5);
    for one in asked {
        assert_eq!(reach(&behind, &[one]).await, 0, "{one:?}");
    }
    // A registration, a search and a basket are none.
    let others = [
        ("POST", "/fr/inscription", "submitCreate=1&email=new%40people.example&password=x"),
        ("POST", "/panier", "add=1&id_product=3"),
        ("GET", "/recherche?email=x&s=mug", ""),
    ];
    for one in others {
        assert_eq!(reach(&behind, &[one; 12]).await, 12);
    }
});

// The button's other names changed the address in a session that had shown nothing of late.
both_engines!(prestashops_form_of_ones_data_is_one_by_whatever_button, MIGRATIONS, async |db| {
    let behind = Behind::speaking(db, "prestashop", ShieldSection::default());
    let adapter = storeward_adapter::by_name("prestashop").unwrap();
    let kind = "application/x-www-form-urlencoded";
    for (target, body) in [
        ("/fr/identite", "submitCreate=1&email=x%40people.example"),
        ("/fr/identite", "submitCreate_x=1&email=x%40people.example"),
        ("/commande", "submitCreate.y=1&email=x%40people.example"),
        ("/commande", "%20submitCreate.x=1&email=x%40people.example"),
        ("/?submitCreate_y=1", "email=x%40people.example"),
    ] {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let asked =
            storeward_adapter::Asked { method: "POST", path, query, content_type: kind, authorization: None };
        let mut reading = adapter.reading(&asked, &[]);
        adapter.read_form(&mut reading, kind, body.as_bytes(), true);
        assert!(adapter.is_sensitive(&reading), "{target} {body}");
    }
    assert!(behind.browser().get("/fr/identite").await.status != 403, "looking at it is none");
});

// django-oscar signs in within the checkout, too.
both_engines!(the_checkout_of_oscar_is_a_door, MIGRATIONS, async |db| {
    let behind = Behind::speaking(db, "django-oscar", ShieldSection::default());
    let body = format!("username={ADDRESS}&password=wrong&options=existing");
    let asked = ["/checkout/", "/de/checkout/", "/checkout", "/dashboard/login/"]
        .map(|path| ("POST", path, body.as_str()));
    assert_eq!(reach(&behind, &asked.repeat(4)).await, 5);
    // Guests have no password.
    let guest = ("POST", "/checkout/", "username=guest%40people.example&password=&options=anonymous");
    assert_eq!(reach(&behind, &[guest; 40]).await, 40);
});

// What a file with one address knows nothing of.
both_engines!(a_form_with_the_fields_of_a_sign_in_is_one, MIGRATIONS, async |db| {
    let behind = Behind::new(db, Elevation::Fresh);
    let guess = |more: &str| format!("user={ADDRESS}&password=wrong{more}");
    let (one, more, twice) = (guess(""), guess("&x=1"), guess("&password=other"));
    let asked = [
        ("POST", "/", one.as_str()),
        ("POST", "/somewhere/else", &more),
        ("PUT", "/login", &one),
        ("POST", "/login.php", &one),
        // Two passwords are one guess.
        ("POST", "/", &twice),
    ];
    assert_eq!(reach(&behind, &asked.repeat(3)).await, 5);
    let mut thief = behind.browser();
    for body in [guess("&user=other"), format!("user=a&{}", guess(""))] {
        assert_eq!(thief.send("POST", "/", &FORM, &body).await.status, 400, "{body}");
    }
});

// WordPress drops `\u{a3}` and maps letters that do not decompose: as many counts as one liked for one name.
both_engines!(spellings_of_a_name_that_shops_write_anew_share_a_count, MIGRATIONS, async |db| {
    let behind = Behind::with_file(db, SecondFactor::Required, |file| {
        file.replace("paths = [\"/login.php\"]", "paths = [\"/login.php\", \"/**\"]\nmarker = \"user\"")
    });
    let mut names: Vec<String> = (0..30).map(|n| format!("ida{}", "%C2%A3".repeat(n + 1))).collect();
    for name in [
        "%C4%B1da",
        "i%C4%91a",
        "i%C3%B0a",
        "%C4%B1%C4%91a",
        "%C4%B1%C3%B0a",
        "i%C4%91%C3%A6",
        "id%C3%A0",
        "id%E2%82%ACa",
    ] {
        names.push(name.to_owned());
    }
    let bodies: Vec<_> = names.iter().map(|name| format!("user={name}&password=wrong")).collect();
    let asked: Vec<_> = bodies.iter().map(|body| ("POST", "/login.php", body.as_str())).collect();
    assert_eq!(reach(&behind, &asked).await, 10);
    // Nobody else waits for them, and whoever is called so has the puzzle.
    let plain = [("POST", "/login.php", "user=kim&password=wrong")];
    assert_eq!(reach(&behind, &plain).await, 1);
    let mut late = behind.browser();
    late.browser.address = "198.51.100.7".parse().unwrap();
    let told = late.post("/login.php", &[("user", "m\u{fc}ller"), ("password", "wrong")]).await;
    assert_eq!(told.status, 429);
    late.solve(&told).await;
    let told = late.post("/login.php", &[("user", "m\u{fc}ller"), ("password", "wrong")]).await;
    assert_eq!(told.status, 401, "the shop has heard of it");
    // A right password gives its own try back, and nobody else's.
    behind.bench.advance(3_600);
    let mut owner = behind.browser();
    owner
        .post("/login.php", &[("user", "ella"), ("password", SHOP_PASSWORD)])
        .await
        .leads_to("/.storeward/challenge");
});
