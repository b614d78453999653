//! Injections by chance: whatever the sample shop's own SQLite runs must be stopped at the front door.

use super::Demo;

/// Always the same row of numbers.
struct Dice(u64);

impl Dice {
    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        // Marsaglia, "Xorshift RNGs", 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        choices[usize::try_from(self.0 % 10_007).unwrap() % choices.len()]
    }

    fn column(&mut self) -> &'static str {
        self.pick(&[
            "email",
            "name n",
            "phone collate nocase as p",
            "email is distinct from 1",
            "[email]",
            "\"email\" e",
            "email||1",
            "cast(phone as we like it)",
            "iif(1,email,2)",
            "max(email)",
            "quote(email)",
            "email->>0",
            "case when 1 then email end",
            "+phone",
            "x'41'",
            "email in(1)",
            "'a'b",
            "typeof(email)t",
        ])
    }

    fn table(&mut self) -> &'static str {
        self.pick(&[
            "customers",
            "customers c",
            "(addresses,customers)",
            "main.customers",
            "settings join customers",
            "(select*from customers)",
            "customers not indexed",
            "(values(1)),customers",
            "json_each('[1]'),customers",
            "(with the as(select*from customers)select*from the)",
            "[customers]",
            "customers natural join settings",
        ])
    }

    fn tail(&mut self) -> &'static str {
        self.pick(&[
            "",
            " where 1",
            " where((((((((((1))))))))))",
            " where email like '%e%'",
            " order by 1",
            " group by 1",
            " limit 9",
            " where role notnull",
            " window w as()",
            " where id in(1,2)",
        ])
    }

    fn query(&mut self) -> String {
        let from = self.pick(&[" from ", " from", "/**/from/**/", "\nfrom "]);
        format!("select {}{from}{}{}", self.column(), self.table(), self.tail())
    }

    fn injection(&mut self) -> String {
        let opener = self.pick(&[
            "%'",
            "%' ",
            "%' escape 1 ",
            "%' escape('x') ",
            "%' escape lower('x') ",
            "%' collate nocase ",
            "%' isnull ",
            "%' in('a') ",
            "%' between 'a' and 'b' ",
            "%'||'' ",
            "%' is not distinct from 1 ",
            "%' and 0 ",
        ]);
        let end = self.pick(&[
            "--",
            "-- we like your shop",
            "/*",
            "/* we love it all",
            " or '",
            " and name like '",
            "--\n-- we like it a lot",
            " and 'a'like'",
        ]);
        let joint = self.pick(&[" or ", "or", " or not ", " or+", " or 0 or ", " or name isnull or "]);
        match self.pick(&["united", "compared", "compared", "plain"]) {
            "united" => {
                let columns = (0..5).map(|_| self.column()).collect::<Vec<_>>().join(",");
                let union = self.pick(&["union ", "union all ", "union/**/", "except ", "intersect\n"]);
                format!("zzz{opener}{union}select {columns} from {}{}{end}", self.table(), self.tail())
            }
            "compared" => {
                let query = format!("({})", self.query());
                let compared = self.pick(&[
                    "_>'a'",
                    "_ is not null",
                    "length_>2",
                    "_ notnull",
                    "exists_",
                    "'a'<_",
                    "_ like '%e%'",
                    "1 is not_",
                    "case _ when 1 then 0 else 1 end",
                    "(1,2)<(3,_)",
                    "glob('*',_)",
                    "not not _ is not null",
                ]);
                format!("zzz{opener}{joint}{}{end}", compared.replace('_', &query))
            }
            _ => {
                let plain = self.pick(&[
                    "id",
                    "price_cents>3000",
                    "slug notnull",
                    "name like '%e%'",
                    "id in(1,2,3)",
                    "stock between 1 and 99",
                    "1 order by price_cents desc",
                    "1 limit 1+1",
                    "id is not 3",
                    "[slug]>''",
                ]);
                format!("zzz{opener}{joint}{plain}{end}")
            }
        }
    }
}

#[test]
fn whatever_the_shop_s_database_runs_is_stopped() {
    const TRIED: usize = 240;
    let demo = Demo::start();
    let (mut straight, mut through) = (demo.straight(), demo.through());
    let mut dice = Dice(0x5707_e3a2_d51d_9001);
    // Words that make no statement are answered, too, as the words that they are: nothing is found by them.
    let goods = |body: &str| body.matches("/product/").count();
    let nothing = goods(&straight.search("zzzqqq").body);
    let mut run = 0;
    for _ in 0..TRIED {
        let words = dice.injection();
        if words.len() > 480 || goods(&straight.search(&words).body) <= nothing {
            continue;
        }
        run += 1;
        assert_eq!(through.search(&words).status, 403, "{words}");
    }
    assert!(run > TRIED / 5, "{run} of {TRIED} were run");
    assert_ne!(through.search("men's mugs, 3\" or 4\" high").status, 403);
    demo.end();
}
