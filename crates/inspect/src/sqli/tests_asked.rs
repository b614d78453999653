//! A query that was read up to its table is an injection, whatever stands before it and behind it.

use super::detect;

/// What a value closes the shop's string with, in a list, a bracket, a condition, an order.
const BEFORE: [&str; 14] = [
    "zzz%'",
    "x' and 1 in ()",
    "x') ",
    "x'/**/or/**/1",
    "x' collate nocase",
    "x' escape '!'",
    "x' is not null or id between 1 and 2",
    "x' group by id having count(*)>0",
    "x' or case when 1 then 2 else 3 end",
    "x' or exists(select 1 from b join c using(id)) ",
    "x' is distinct from array[[1,2],[3,4]]",
    "x' or # path '((1,0))'>1",
    "x\" || name",
    "x'\n--%0a\n",
];

/// One union for each shop that shows what it finds. `@` is the tail.
const UNIONS: [&str; 9] = [
    " union select email,password_hash,email,id,id from customers@",
    " union all select email e,password_hash p,email,c.id,c.id from customers c@",
    " union distinct (select id,user_pass from wp_users@)",
    " union select wp_users.id,user_pass from wp_users@",
    " union select [].email,[].password_hash,[].email,[].id,[].id from customers []@",
    " union select # path '((1,0),(0,1))',user_pass from wp_users@",
    " union select id and,user_pass from wp_users@",
    " union select . wp_users.id,user_pass from wp_users@",
    " union select id,user_pass as distinct from wp_users@",
];

const AFTER: [&str; 24] = [
    "",
    " a",
    " as a",
    " natural join b",
    " join (select 1) on 1,(select 1) q,(select 1) r,(select 1) s",
    " join (select 1) x on 1,(select 1) q,(select 1) r,(select 1) s",
    " join products b join products d join products e join products f on 1=1 on 1=1 on 1=1 on 1=1",
    " left join b using(id),c c,d d,e e,f f",
    " cross join b on true,lateral (select 1) c,d d,e e",
    " where id in (1,2) and email like '%a%' or not deleted is null",
    " where 1=1 group by id having count(*)>0 order by 1 desc nulls last limit 1 offset 2",
    " window w as (partition by id order by id rows between 1 preceding and current row), like as ()",
    " order by id collate nocase asc",
    " limit 1,2",
    " fetch first 1 rows only for update of c skip locked",
    " tablesample system(9) repeatable (1)",
    " partition (p0,p1) use index for join (a,b)",
    " indexed by i",
    " not indexed",
    " /* a */ b /*! c */",
    " words that nobody knows, and more words of them and more on and on",
    " on on on using using window order limit join join",
    " a on b c d e f g",
    ") x y z, ((",
];

#[test]
fn no_tail_and_no_beginning_takes_a_union_back() {
    for before in BEFORE {
        for union in UNIONS {
            for after in AFTER {
                for end in ["-- ", "#", " or 'a'='a"] {
                    // No database has it for both.
                    let is_sign = before.contains('#') || union.contains('#');
                    if is_sign && end == "#" {
                        continue;
                    }
                    let quote = if before.contains('"') { end.replace('\'', "\"") } else { end.to_owned() };
                    let attack = format!("{before}{}{quote}", union.replace('@', after));
                    assert!(detect(attack.as_bytes()).is_some(), "{attack}");
                }
            }
        }
    }
}

#[test]
fn nor_where_a_number_stands() {
    for union in UNIONS.iter().filter(|union| !union.contains("[]")) {
        for after in AFTER {
            let attack = format!("0{}", union.replace('@', after));
            assert!(detect(attack.as_bytes()).is_some(), "{attack}");
        }
    }
}

/// The grammar's own words in any order, as many as one likes.
#[test]
fn no_row_of_the_grammars_own_words_takes_a_union_back() {
    const WORDS: [&str; 44] = [
        "a", "b.c", "as", "join", "on", "using", "(", ")", ",", "1", "'a'", "=", "and", "or", "not",
        "window", "order", "by", "limit", "offset", "where", "having", "group", "natural", "left", "cross",
        "lateral", "/**/", "::int", "[1:2]", "collate", "is", "null", "in", "like", "between", "case", "end",
        "with", "values", "for", "update", "fetch", "*",
    ];
    // xorshift: the same rows each time
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(most).expect("small")).expect("small")
    };
    for _ in 0..3_000 {
        let tail: Vec<&str> = (0..draw(12)).map(|_| WORDS[draw(WORDS.len())]).collect();
        let union = UNIONS[draw(UNIONS.len())].replace('@', &format!(" {}", tail.join(" ")));
        let attack = format!("{}{union}-- ", BEFORE[draw(BEFORE.len())]);
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

/// Where the grammar stops before a table, or a statement was begun.
#[test]
fn operators_and_arrays_of_postgresql_are_read() {
    for attack in [
        "x' union select id+(lseg '((0,0),(1,1))' ?# lseg '((0,1),(1,0))')::int,user_pass from wp_users-- ",
        "x' union select id,((array[']',user_pass])[1:2])::text from wp_users-- ",
        "x' union select (array[[1,2],[3,4]])[1][1],user_pass from wp_users-- ",
        "x' or # path '((1,0),(2,2))'>1-- ",
        "0 or # path '((1,0),(2,2))'>1-- ",
        "x' or (select # path '((1,0))' from wp_users where user_pass like 'H%')>0-- ",
        "x'; copy (select # path '((1,0))') to '/tmp/x'-- ",
        "x'; update only wp_users set user_pass='HASH' where # path '((1,0))'>0-- ",
        "x' union select \\,user_pass from wp_users-- ",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

/// Words that PostgreSQL takes for a label without `as`.
#[test]
fn reserved_words_are_labels() {
    for word in ["and", "or", "is", "not", "select", "distinct", "case", "end", "in"] {
        for attack in [
            format!("x' union select id {word},user_pass from wp_users-- "),
            format!("x' union select id,user_pass {word} from wp_users-- "),
            format!("x' union select id,user_pass as {word} from wp_users-- "),
            format!("x' union select id,user_pass as {word} from wp_users where 'a'='a"),
            format!("0 union select id {word},user_pass from wp_users"),
            format!("0 union select id,user_pass {word} from wp_users"),
        ] {
            assert!(detect(attack.as_bytes()).is_some(), "{attack}");
        }
    }
    for attack in [
        "0 union select . wp_users.id,user_pass from wp_users",
        "x' or (select . wp_users.user_pass from wp_users)>'A",
        "x' or exists(select . wp_users.id from wp_users where user_pass like 'H%')-- ",
        "x' union select case 1when 1then 1else 2end,user_pass from wp_users-- ",
        "zzz%' union select email,password_hash,email,id,max(1) over () `a b``c d` from customers c--",
        "x' union select count(*) over () `a b``c d`,user_pass from wp_users-- ",
        "x' union select max(id) over () `a``b`,user_pass from wp_users-- ",
        "x' or max(1) over () `a b``c d`=1-- ",
        "zzz%' or (select 1 as `a b``c d` from customers where password_hash>'$')-- ",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

#[test]
fn unions_of_people_and_of_banks_stay_prose() {
    for prose in [
        "l'Union select, 75 cl, from France -- a promotion",
        "l'Union select. Vins de France, 75cl",
        "the workers' union select committee members",
        "our credit union select account, from 12 to 20 euros, for students, families and friends",
        "Smith's box (select the colour) from 5, 6 or 7 -- it doesn't matter, thanks",
        "it's the European Union select committee on the sale of goods and services to the people from Ireland -- well",
        "use the mouse to select text while 'selectmode' contains \"mouse\"",
        "a boys' club #blue and #red",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose}");
    }
}

/// Found by `tests/oracles`: each was run by a database, and showed or changed what no search may.
#[test]
fn values_that_break_out_of_no_string_are_read_to_their_end() {
    for attack in [
        "0)or(1);",
        "0)-(1",
        "1)or(1)#phase",
        ")or.5;",
        ")or~('a'",
        ")or\"id\";",
        "id)or('1'",
        "1)or@a;",
        "0 or@a",
        "'1'or'41'",
        "null or '1'",
        "-1 or '41'",
        "1\nor-11",
        "9 or[id]",
        "id or(1)",
        "id or price>1",
        "9 or products.id<>x'41'",
        "-1 or products.id+1-- the shop is closed",
        "9 or true||id-- \tthe shop is closed",
        "9/**/or/**/products.id|(1)",
        "id;create table zz as select",
        "id;create table zz as(select)",
        "id;delete from notes p",
        "name>1;delete from notes",
        "1 collate nocase ;delete from notes;",
        "id;explain analyze delete from notes",
        "1;do $$begin delete from notes;end$$",
        "((id));truncate\u{c}notes",
        "1;;table customers_a",
        "price;replace into products as pi values(9,'x',0,0)",
        "name;update(products)set price=0",
        "price;select--\npass\u{b}from\tcustomers",
        "id;select pass from customers join products group by 1",
        "price ;drop table notes",
        "1;values((select(pass)from(customers)))",
        "(1);values((select(pass)from(customers a)))",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

#[test]
fn signs_before_operands_and_semicolons_behind_them_are_read() {
    for attack in [
        "' or~x'",
        "' or~N'",
        "' or!'id' -- ax",
        "') or not N'a'#date '",
        "'|name+'",
        "'or[id];",
        "'or~id;substring",
        "'or/**/price;",
        "';;",
        "  ';--'",
        "';--'idfroma",
        "' is distinct from .5+'",
        "x' is not distinct from 'x",
        "';;update products set price=0-- the shop is closed",
        "');set@1.5=1;select pass from customers-- ",
        "';create/*a*/table zz as select--",
        " \"=\"",
        "-- x@@a\"=\"b with",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
    for prose in [
        "1 or 1/2 litre",
        "24/7 or 9-5",
        "1 or example.com",
        "10) or 12",
        "1) lamp 2) chair",
        "the boys' or the girls'; call me",
        "Lamp; create table lamp",
        "Chair; drop table, please",
        "1-tuple type or single-value \"collection\"; documentation",
        "a poster \"&\" frame",
        "rock 'n' roll or fish 'n' chips",
        "5 or more; delete from list what is out",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose}");
    }
}

/// Round 9 of the hostile readers, what was left of it.
#[test]
fn alternative_quotes_and_leading_dots_are_read() {
    for attack in [
        "x' or q'[a']'='a'-- ",
        "x' or nq'!a'!'='a'-- ",
        "x' union select q'{it's}',password from users-- ",
        "0 or . products.id",
        "1;select 'a'@@'a'",
        "x' or [].email='a",
        "' or not x'",
        "price;select pass from customers# more",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}

#[test]
fn lists_of_goods_in_brackets_are_no_queries() {
    for prose in [
        "kids' set (select 3 mugs, 2 bowls from 'Moor' or 'Fell')",
        "Box of 6 (select 1, 2, 3 from list) = 20",
        "ladies' shoes (select 38, 39, 40) and men's (select 42, 43) from 59.90",
        "trade union table with 6 chairs' covers from 1950",
        "union table runner, 40x140, from linen",
        "'70s lamp' or '80s lamp' = 20",
        "Hans' between 9 and 5 -- klingeln",
        "sleep(8) pillow or wait; no",
        "the FAQ's answer, q'est-ce",
    ] {
        assert_eq!(detect(prose.as_bytes()), None, "{prose}");
    }
    for attack in [
        "x' between 0 and 1 -- a b",
        "x' between 9 and 5 or 'a'='a",
        "x' or id in (select 1 from customers where pass>'a')-- ",
        "1 union table customers",
        "id union table customers",
        "1 union select 1,2,3 from products",
        "'70s lamp' or '80s lamp' = '80s lamp'",
        "sleep(8) or 1=1",
    ] {
        assert!(detect(attack.as_bytes()).is_some(), "{attack}");
    }
}
