use super::detect;

#[test]
fn sees_injections() {
    let cases = [
        "1 or 1=1",
        "' or ''='",
        "' or '1'='1",
        "admin'--",
        "admin' #",
        "1 union select 1,2,3",
        "x' or 'x",
        "1/**/union/**/select/**/null,null",
        "1; drop table users",
        "'; drop table users--",
        "1 and sleep(5)",
        "1 or id",
        "1 or 2>1",
        "1 || 1",
        "1||1",
        "1 && 1",
        "1 or 1",
        "7 or 7",
        "1 or not 0",
        "1 or !0",
        "1 or ~0",
        "1 or (1)",
        "1 xor (0)",
        "1 or customer_id",
        "1 or (rowid)",
        "1 or +1",
        "1 || id",
        "1 or 3<4",
        "1 or 1.0>0",
        "1 and 2 <> 3",
        "1||1;",
        "1 or id -- ",
        "1;waitfor delay '0:0:5'--",
        "' union select table_name from information_schema.tables--",
        "1 or 0x31=0x31",
        "' or 1=1 limit 1 -- -",
        "\" or \"\"=\"",
        "') or ('1'='1",
        "1 order by 10--",
        "' having 1=1--",
        "1 /*!50000union*/ /*!50000select*/ 1,2",
        "'||(select password from users)||'",
        "-1' union select 1,@@version#",
        "1-sleep(5)",
        "(select*from(select(sleep(20)))a)",
        "if(now()=sysdate(),sleep(15),0)",
        "'='",
        "1 or true",
        "' and ascii(substring((select 1),1,1))>64--",
        "1 && 1=1",
        "\\' or 1=1--",
        "' or username like '%a%",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case}");
    }
}

#[test]
fn sees_prose_as_prose() {
    let cases = [
        "O'Brien",
        "rock 'n' roll",
        "select your size",
        "union jack t-shirt",
        "2 for 1 or 3 for 2",
        "1 or 2",
        "2 or 3",
        "1 or more",
        "100 or more pieces",
        "2 and a half",
        "1 and only",
        "3 or 4 people",
        "1 or two",
        "12 and 24 months",
        "1 or none",
        "1 or both",
        "2 || extra large",
        "1 or mug",
        "4 or 5 stars",
        "24/7 or 9-5",
        "1 or 1/2 litre",
        "7 or 7.5",
        "50 or 50+ years",
        "1 and 2 = better than 3",
        "drop table lamp",
        "3 and 4 = 7 chairs",
        "size < 10 & > 5",
        "girls' or boys' shoes",
        "credit union select card",
        "select a size from the list",
        "the boys' #1 choice",
        "L'Oréal & Garnier",
        "5' and 6\" = 2 sizes",
        "I don't think it's worth it; select something else",
        "JavaScript: The Good Parts",
        "12#",
        "it's 50% off!",
        "where did the update come from?",
        "insert into the slot",
        "delete from basket",
        "C'est l'été -- enfin",
    ];
    for case in cases {
        assert_eq!(detect(case.as_bytes()), None, "{case}");
    }
}

#[test]
fn no_padding_hides_an_injection() {
    let cases = [
        format!("x' or {}1 or slug notnull--", "1 and ".repeat(10_000)),
        format!("{}1 union select email, name from clients", "1,".repeat(10_000)),
        format!("x'--{}\nunion select email e,name n from clients--", "a".repeat(9_000)),
        format!("{} ' union select email e,name n from clients--", "nice mug ".repeat(9_000)),
        format!("x' or {}{}>2 or '", "(".repeat(5_000), "1+".repeat(5_000) + "1"),
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{} ... {} bytes", &case[..8], case.len());
    }
}

/// Looking for closing signs costs no more than a few looks at the value, whatever it is made of.
#[test]
fn closing_signs_are_looked_for_a_bounded_number_of_times() {
    use super::token::{Context, Reader};
    const BYTES: usize = 64 * 1024;
    let signs: Vec<String> = (b' '..=b'~').map(|byte| char::from(byte).to_string()).collect();
    let pairs = ["@'", "@\"", "@`", "$$", "$a$", "/*!", "[]", "['", "#\n", "--\n", "`'", "{["];
    let mixed = (0..BYTES / 4).map(|n| format!("$a{n}$")).collect::<String>();
    let pieces = signs.into_iter().chain(pairs.map(str::to_owned));
    let spaces = format!("{}{}", "#\n".repeat(BYTES / 4), " ".repeat(BYTES / 2));
    let values = pieces.map(|piece| piece.repeat(BYTES / piece.len())).chain([mixed, spaces]);
    for value in values {
        for context in [Context::Bare, Context::Single, Context::Double] {
            let mut reader = Reader::new(value.as_bytes(), context, true);
            while !reader.tokens().is_empty() {}
            let most = value.len() * 8 + 16_384;
            assert!(reader.looked <= most, "{:?}: {} of {}", &value[..4], reader.looked, value.len());
        }
    }
}
