//! As much CBOR (RFC 8949) as devices write: whole numbers, bytes, text, lists and maps of definite length, simple
//! values (CTAP 2.1 section 8, "canonical CBOR encoding form"). Borrowed, bounded in depth and in count.

/// CTAP allows four levels.
const DEEPEST: u8 = 4;
const MOST_ENTRIES: u64 = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Item<'a>>),
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// `false`, `true`, `null` and the like: nothing here needs to tell them apart.
    Simple,
}

impl<'a> Item<'a> {
    /// Reads all of `bytes` as one item.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::parse_front(bytes).filter(|(_, rest)| rest.is_empty()).map(|(item, _)| item)
    }

    /// Reads one item; returns what stands behind it.
    pub fn parse_front(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        parse(bytes, DEEPEST)
    }

    pub fn is_map(&self) -> bool {
        matches!(self, Item::Map(_))
    }

    pub fn is_empty_map(&self) -> bool {
        matches!(self, Item::Map(entries) if entries.is_empty())
    }

    /// The value under a name.
    pub fn field(&self, name: &str) -> Option<&Item<'a>> {
        self.value_of(&Item::Text(name))
    }

    /// The value under a number, as COSE names its fields.
    pub fn numbered(&self, number: i64) -> Option<&Item<'a>> {
        self.value_of(&Item::Integer(number))
    }

    fn value_of(&self, key: &Item<'_>) -> Option<&Item<'a>> {
        match self {
            Item::Map(entries) => entries.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Item::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&'a str> {
        match self {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Item::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

fn parse(bytes: &[u8], depth: u8) -> Option<(Item<'_>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (kind, short) = (first >> 5, first & 31);
    if kind == 7 {
        // false, true, null, undefined; no floats.
        return (20..=23).contains(&short).then_some((Item::Simple, rest));
    }
    let (number, rest) = argument(short, rest)?;
    match kind {
        0 => Some((Item::Integer(i64::try_from(number).ok()?), rest)),
        1 => Some((Item::Integer(-1 - i64::try_from(number).ok()?), rest)),
        2 | 3 => {
            let (body, rest) = rest.split_at_checked(usize::try_from(number).ok()?)?;
            let item =
                if kind == 2 { Item::Bytes(body) } else { Item::Text(std::str::from_utf8(body).ok()?) };
            Some((item, rest))
        }
        4 => list(number, rest, depth.checked_sub(1)?),
        5 => map(number, rest, depth.checked_sub(1)?),
        // Tags are not canonical CTAP.
        _ => None,
    }
}

fn list(count: u64, mut rest: &[u8], depth: u8) -> Option<(Item<'_>, &[u8])> {
    let mut items = Vec::new();
    for _ in 0..(count <= MOST_ENTRIES).then_some(count)? {
        let (item, behind) = parse(rest, depth)?;
        items.push(item);
        rest = behind;
    }
    Some((Item::List(items), rest))
}

fn map(count: u64, mut rest: &[u8], depth: u8) -> Option<(Item<'_>, &[u8])> {
    let mut entries: Vec<(Item<'_>, Item<'_>)> = Vec::new();
    for _ in 0..(count <= MOST_ENTRIES).then_some(count)? {
        let (key, behind) = parse(rest, depth)?;
        let (value, behind) = parse(behind, depth)?;
        // Two readers could choose differently between two values of one name.
        if entries.iter().any(|(known, _)| *known == key) {
            return None;
        }
        entries.push((key, value));
        rest = behind;
    }
    Some((Item::Map(entries), rest))
}

/// The number beside the kind: in the same byte, or in the 1, 2, 4 or 8 bytes behind it.
fn argument(short: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let width = match short {
        0..=23 => return Some((u64::from(short), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(width)?;
    Some((bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), rest))
}
