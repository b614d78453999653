//! Planted secrets never show in what a match tells.

use storeward_inspect::Policy;

use crate::exchange::{ENGINE, Exchange, url_encode};

#[test]
fn no_planted_secret_shows_in_a_match() {
    let secrets =
        ["Hunter2Geheim", "jane.doe@example.com", "4111111111111111", "Świętosławski", "tok_9f8e7d6c5b"];
    let shapes = [
        "' or password='SECRET'--",
        "1 union select 'SECRET',2",
        "<script>x='SECRET'</script>",
        "<img src=x onerror=alert('SECRET')>",
        ";cat /home/SECRET/.ssh/id_rsa",
        "${jndi:ldap://SECRET/a}",
        "system('SECRET')",
        "http://SECRET@169.254.169.254/SECRET",
        "*)(uid=SECRET))(|(uid=*",
    ];
    for secret in secrets {
        for shape in shapes {
            let attack = url_encode(&shape.replace("SECRET", secret));
            let policy = Policy::default();
            let exchange = Exchange::get("/").query(&format!("q={attack}&{attack}=1"));
            let (verdict, tx) = exchange.run(&ENGINE, &policy);
            let shown = format!("{verdict:?} {:?}", tx.matches());
            assert!(!tx.matches().is_empty(), "{shape}");
            for part in secret.split(['@', '.', '_']).filter(|part| part.len() > 3) {
                assert!(!shown.contains(part), "{shape} shows {part}: {shown}");
            }
        }
    }
}
