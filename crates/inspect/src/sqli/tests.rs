use super::detect;
use super::reading::Reading;

#[test]
fn sees_injections() {
    let cases = [
        // Words that no list of ours has: MariaDB's, PostgreSQL's.
        "x'+interval 1 day union select user_login u,user_pass p from wp_users-- ",
        "x' group by 1 with rollup union select user_login u,user_pass p from wp_users-- ",
        "x' or name like 'a' escape ('b') union select user_login u,user_pass p from wp_users#",
        "0+interval 1 day union select user_login u,user_pass p from wp_users-- ",
        "0 group by 1 with rollup union select user_login u,user_pass p from wp_users-- ",
        "0 window w as() union select user_login u,user_pass p from wp_users-- ",
        "x' or name similar to 'a' union select email e,password p from customers--",
        "x' or 'a' is nfc normalized union select email e,password p from customers--",
        "x' group by grouping sets((1,2)) union select email e,password p from customers--",
        "x' and now() at time zone 'utc'<now() union select email e,password p from customers--",
        "x' for update union all (select email e,password p from customers where ''='",
        "x' escape ('x') or (select city c from addresses)>'A",
        "x' escape ('x') limit (select 3)--",
        "x' window w as(order by name) limit 1+1--",
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
        "true||false",
        "' and ascii(substring((select 1),1,1))>64--",
        "1 && 1=1",
        "\\' or 1=1--",
        "' or username like '%a%",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case}");
    }
}

/// Each is read so by one database at least, and was run there.
#[test]
fn what_one_database_passes_over_is_code_for_another() {
    let cases = [
        // SQLite, MariaDB: a carriage return does not end a comment.
        "%'--\r we\nunion--\r we\nselect--\r we\nemail,--\r we\npassword_hash,name,1,1--\r we\nfrom--\r we\ncustomers--",
        "x' and 0-- w\rwe\nunion-- w\rwe\nselect-- w\rwe\nuser_login,user_pass-- w\rwe\nfrom-- w\rwe\nwp_users-- ",
        "x' and 0# w\rwe\nunion# w\rwe\nselect# w\rwe\nuser_login,user_pass# w\rwe\nfrom# w\rwe\nwp_users# ",
        // SQLite, PostgreSQL: `/*!` is a comment like any other.
        "zzz%'/*! the shop was closed */or (/*! we */select/*! we */email/*! we */from/*! we */customers/*! we */limit 1)>'a'--",
        // MySQL of an earlier version than the comment's.
        "zzz%'/*!999999 the shop was closed */or (/*!999999 we */select/*!999999 we */email/*!999999 we */from/*!999999 we */customers limit 1)>'a'-- ",
        // MariaDB runs it.
        "1/*M!and 0 union select user_login,user_pass from wp_users*/",
        "1/*M!100100and 0 union select user_login,user_pass from wp_users*/",
        // MySQL: two dashes before anything but white space are two signs.
        "1--(select length(user_pass)-9 from wp_users limit 1)",
        "x'--(select length(user_pass)-9 from wp_users limit 1)--'",
        // PostgreSQL: a number sign is an operator, and comments nest.
        "1 or price#(select ascii(password) from customers)>3",
        "1#(select ascii(password)-115 from customers)",
        "x' or id#length((select password from customers)) in (7,8)--",
        "x'/*/**/ we see the shop */union/*/**/ we */select/*/**/ we */1,2,password/*/**/ we */from/*/**/ we */customers--",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case:?}");
    }
    for prose in [
        "the boys' #1 choice -- really",
        "5' long #3 /* not sure */",
        "it's /*! important */ to me",
        "we're #1! -- and you're #2\r\nthanks",
        "O'Brien--the shop's own--says: it's fine",
        "C# and F# are my kids' favourites",
        "#summer #sale it's on",
        "\r\n-- \r\nKate O'Hara, Tel. #12",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose}");
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
        "True or False",
        "true and false",
        "null or false",
        "unknown or null",
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
            let readings = Reading::all(value.as_bytes());
            assert!(readings.len() <= 5);
            for reading in readings {
                let mut reader = Reader::new(value.as_bytes(), context, reading);
                while !reader.tokens().is_empty() {}
                let most = value.len() * 8 + 16_384;
                assert!(reader.looked <= most, "{:?}: {} of {}", &value[..4], reader.looked, value.len());
            }
        }
    }
}

/// What only SQL writes between a column and its table is no sentence.
#[test]
fn names_in_a_row_are_no_prose_where_nobody_says_them() {
    for case in [
        "zzz%' escape '!' or not not (select phone collate nocase as name from customers c where email>'') is not null>'",
        "zzz%' or (select phone collate nocase as name from customers c limit 1)>'a'--",
        "1 and (select created at time zone utc from customers c limit 1)>'a'",
        "x' or (select sql_no_cache high_priority straight_join email e from customers c limit 1)>'a'-- ",
        "x' or (select `email` `a` from `customers` `b` limit 1)>'a'-- ",
    ] {
        assert!(detect(case.as_bytes()).is_some(), "{case}");
    }
    for prose in [
        "O'Neill (select as many of our mugs as you like from the list)",
        "it's fine (please select one of the sizes from our customers' photos)",
        "we don't (select the same as before from our range)",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose}");
    }
}

/// Names are the attacker's to choose: a query is none the less one for those that stand between.
#[test]
fn no_row_of_names_hides_a_query() {
    let cases = [
        "zzz%' escape '!' or not not (select phone collate nocase as name from customers c where email>'') is not null>'",
        "zzz%' escape '!' or not not (select phone collate nocase collate binary as nice from clients c)>'a'--",
        "zzz%' escape '!' or (select high_priority sql_no_cache sql_small_result phone as nice from clients c)>'a'-- ",
        "zzz%' escape '!' or (select cast(phone as we love the shop) as nice from clients c)>'a'--",
        "zzz%' escape '!' or (select phone::text from clients c)>'a'--",
        "zzz%' escape '!' or (select phone at time zone zone as nice from clients c)>'a'--",
        "zzz%' escape '!' or (select{we phone}from clients c)>'a'-- ",
        "id union select email as nice collate nocase from clients",
        "id union all select phone collate nocase as a, b from clients",
        "(select phone collate nocase as very_nice from customers limit 1)",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case:?}");
    }
}

#[test]
fn sentences_that_speak_of_selecting_stay_prose() {
    let cases = [
        "Please (select as many as you like from our list)",
        "it's easy (select the size and colour as shown from the menu)",
        "the customer's choice (select red, green or blue from our range), thanks",
        "European Union select committee members from Ireland",
        "union select as seen on TV from Jack Wolfskin",
        "the union (select members from the board) isn't asked",
        "that's fine: (select your country as delivery address from the list below)",
        "Don't select from the drop-down; it's broken",
        "l'union select d'artistes venus from Paris",
    ];
    for case in cases {
        assert_eq!(detect(case.as_bytes()), None, "{case:?}");
    }
}

#[test]
fn dashes_and_number_signs_of_prose_stay_prose() {
    let cases = [
        "press the '#' key",
        "the #1 shop--really",
        "C'est l'été --enfin",
        "the boys'--girls too",
        "5\" -- 6\" wide",
        "sizes 12'--14', no #3",
        "item #4 in 'red' or #5 in 'blue'",
        "she said \"no\"--twice",
        "/* note */ it's #1",
        "lamp 12\" #3 \r\nshade 14\" #4",
        "Herr Müller's Kaffee -- der beste!\r\nGerne wieder #kaffee",
        "l'article #12 --d'occasion--",
    ];
    for case in cases {
        assert_eq!(detect(case.as_bytes()), None, "{case:?}");
    }
}

/// Found by a search among values that SQLite ran: behind a sign, in a call, in a list to sort by.
#[test]
fn a_query_in_brackets_is_seen_wherever_it_stands() {
    let cases = [
        "-(select role from clients c left join settings s on s.k is c.role where role='admin') like '%'",
        "+exists(select name from `clients`)",
        "not (select role as shop from clients c where email like '%@%') isnull",
        "ifnull(length((select (role) from [clients] c join products p)),0)",
        "id in (1) or nullif((select pwh as shop from clients c limit 1),'')notnull",
        "id||ifnull(length((select substr(email,1,1) from clients limit 1)),0)",
        "price_cents limit iif((select 'x'||phone from clients where email>'') is null,0,1)",
        "id between 0 and instr((select pwh from clients limit 1),'a')",
        "id is (values((select email collate nocase from clients order by random())))>''",
        "[name] limit exists(with a as (select 1) select json_array(pwh) from clients c)",
        "-(select name from clients as c,products where length(email)>1)",
        "+glob('*',(select \"email\" from `clients` c,products where email like '%@%'))",
        "name ||length((select phone from clients c where email>''))",
    ];
    for case in cases {
        assert!(detect(case.as_bytes()).is_some(), "{case:?}");
    }
    for prose in [
        "size (select from the list)",
        "colour - (select colour from dropdown)",
        "sizes (select size from dropdown, catalogue or shop)",
        "blue or red (select one from dropdown, where possible)",
        "how to (select a gift from Grandma) and not cry",
        "C'est ou (select article from catalogue) ou rien",
        "(select your size from M or L)",
        "gift card (select amount from 10, 20 or 50)",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose:?}");
    }
}

/// Brackets, verbs and comments by the thousand: each token is looked at a few times, however many there are.
// Where the grammar ends, some database goes on: a word of another one is a name to it, each type may stand before a string.
#[test]
fn what_one_database_does_not_know_ends_no_reading() {
    for word in [
        "xor",
        "minus",
        "straight_join",
        "sounds",
        "regexp",
        "like",
        "mod",
        "rlike",
        "ilike",
        "similar",
        "div",
        "overlaps",
        "member",
        "uescape",
        "glob",
        "escape",
    ] {
        for attack in [
            format!("zzz%' union select email,password_hash,email,2,3 from customers {word}--"),
            format!("x' union select id,user_pass from wp_users as {word}-- "),
            format!("x' union select {word}.email from customers as {word}--"),
            format!("zzz%' or (select max(password_hash) from customers {word})>'$"),
        ] {
            assert!(detect(attack.as_bytes()).is_some(), "{attack}");
        }
    }
    for attack in [
        "x' union select id minus,user_pass from wp_users-- ",
        "x' union select email as xor,password_hash from customers--",
        "zzz%' or (select password_hash from customers minus)>'$'--",
        "zzz%' or (select max(password_hash)xor from customers)>'$",
        "zzz%' or exists(select 1 from customers xor where password_hash like '$argon%') or '",
        "x' union select distinct on(1)1,user_pass from wp_users--",
        "x' union select id,user_pass as from from wp_users--",
        "x' union select id,user_pass as where from wp_users--",
        "x' union select id,user_pass as and from wp_users--",
        "x' union select id,user_pass as union from wp_users--",
        "x' union select id,user_pass as is from wp_users--",
        "x' union select id,user_pass from wp_users where int4range '[1,2)'='[1,2)",
        "x' union select id,user_pass from wp_users where daterange 'empty'='empty",
        "x' union select id,user_pass from wp_users where wp_users '(1,a,b)' is not null--",
        "x' or products '(1,a,2)' is not null union select id,user_pass from wp_users--",
        "x' or tsmultirange '{}' is not null union select id,user_pass from wp_users--",
        "x' union select id,user_pass from wp_users where interval(3)'1'>'0",
        "x' or varchar(9)'a'>'' union select id,user_pass from wp_users--",
        "x' or (select user_pass as or from wp_users limit 1)>'A",
        "x' union select id,user_pass from wp_users order by id using >--",
        "x' union select id,trim(from user_pass) from wp_users--",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

#[test]
fn the_looks_at_tokens_grow_with_the_value_and_not_with_its_square() {
    let looks = |value: &str| {
        super::walk::LOOKS.with(|looks| looks.set(0));
        detect(value.as_bytes());
        super::walk::LOOKS.with(std::cell::Cell::get)
    };
    let heads =
        ["x' \\z --b\r\n #c\n/*!9*/ ", "x'", "x' or ", "x' union ", "1 or ", "name,", "", "';", "\" or "];
    let pieces = [
        "(",
        "(select ",
        "union(",
        "union select x ",
        "union ((((((((((",
        "select(",
        "1,(",
        "a(",
        "or(",
        "case when ",
        "with a as(",
        "select a,b from c where ",
        "/*!9*/(",
        "from(",
        ";drop ",
        "not ",
        "-",
        "values(",
        "'a'",
        "cast(a as ",
    ];
    for head in heads {
        for piece in pieces {
            let of = |count: usize| looks(&format!("{head}{}", piece.repeat(count)));
            let (once, four_times) = (of(1_000), of(4_000));
            assert!(four_times <= once * 6 + 20_000, "{head:?} {piece:?}: {once}, then {four_times}");
        }
    }
}
