//! Reads the Handbook's daily files: pandas frames in Python's pickle format, protocol 4.
//!
//! Nothing is ever called: a "call" in the file becomes a note of what was to be called and with what, and only names that
//! a plain frame of numbers needs are let through.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

const ALLOWED: [&str; 13] = [
    "pandas.core.frame DataFrame",
    "pandas.core.internals.managers BlockManager",
    "pandas.core.indexes.base _new_Index",
    "pandas.core.indexes.base Index",
    "pandas.core.indexes.numeric Int64Index",
    "pandas.core.indexes.range RangeIndex",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "builtins slice",
    "_codecs encode",
    "copyreg _reconstructor",
];

#[derive(Clone, Debug)]
pub enum Value {
    Nothing,
    Int(i64),
    Bytes(Rc<[u8]>),
    Text(Rc<str>),
    List(Rc<RefCell<Vec<Value>>>),
    Tuple(Rc<[Value]>),
    Pairs(Rc<RefCell<Vec<(Value, Value)>>>),
    Name(Rc<str>),
    Object(Rc<Object>),
}

#[derive(Debug)]
pub struct Object {
    pub class: String,
    pub arguments: Value,
    pub state: RefCell<Value>,
}

type Read<T> = Result<T, String>;

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
}

/// What a file holds.
pub fn load(bytes: &[u8]) -> Read<Value> {
    let mut machine = Machine { rest: bytes, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let [code] = machine.take()?;
        if code == b'.' {
            return machine.pop();
        }
        machine.step(code)?;
    }
}

impl Machine<'_> {
    fn take<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or("the file ends early")?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: u64) -> Read<&[u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or("the file ends early")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn pop(&mut self) -> Read<Value> {
        self.stack.pop().ok_or_else(|| "an empty stack".to_owned())
    }

    fn since_mark(&mut self) -> Read<Vec<Value>> {
        let mark = self.marks.pop().ok_or("no mark")?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn text(&mut self, length: u64) -> Read<()> {
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| "no text")?.into();
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn step(&mut self, code: u8) -> Read<()> {
        match code {
            // PROTO, FRAME
            0x80 => self.take::<1>().map(|_| ()),
            0x95 => self.take::<8>().map(|_| ()),
            // SHORT_BINUNICODE, BINUNICODE, SHORT_BINBYTES, BINBYTES
            0x8c => self.take::<1>().and_then(|[length]| self.text(length.into())),
            b'X' => self.take().map(u32::from_le_bytes).and_then(|length| self.text(length.into())),
            b'C' => {
                let [length] = self.take()?;
                self.raw(length.into())
            }
            b'B' => self.take().map(u32::from_le_bytes).and_then(|length| self.raw(length.into())),
            // BININT, BININT1, BININT2, LONG1
            b'J' => self.take().map(i32::from_le_bytes).map(|number| self.int(number.into())),
            b'K' => self.take::<1>().map(|[number]| self.int(number.into())),
            b'M' => self.take().map(u16::from_le_bytes).map(|number| self.int(number.into())),
            b'N' => self.push(Value::Nothing),
            0x88 => self.push(Value::Int(1)),
            0x89 => self.push(Value::Int(0)),
            // MEMOIZE, BINPUT, BINGET, LONG_BINGET
            0x94 => {
                let top = self.stack.last().cloned().ok_or("an empty stack")?;
                self.memo.insert(self.memo.len() as u64, top);
                Ok(())
            }
            b'h' => self.take::<1>().and_then(|[at]| self.get(at.into())),
            b'j' => self.take().map(u32::from_le_bytes).and_then(|at| self.get(at.into())),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            _ => self.build(code),
        }
    }

    /// What makes something of what stands on the stack.
    fn build(&mut self, code: u8) -> Read<()> {
        match code {
            b')' => self.push(Value::Tuple(Rc::new([]))),
            b']' => self.push(Value::List(Rc::default())),
            b'}' => self.push(Value::Pairs(Rc::default())),
            // TUPLE, TUPLE1, TUPLE2, TUPLE3
            b't' => {
                let values = self.since_mark()?;
                self.push(Value::Tuple(values.into()))
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or("an empty stack")?;
                let values = self.stack.split_off(from);
                self.push(Value::Tuple(values.into()))
            }
            // APPEND, APPENDS, SETITEM, SETITEMS
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])
            }
            b'e' => self.since_mark().and_then(|values| self.append(values)),
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])
            }
            b'u' => self.since_mark().and_then(|values| self.set(values)),
            // STACK_GLOBAL
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err("a name that is no text".to_owned());
                };
                let name = format!("{module} {name}");
                if !ALLOWED.contains(&name.as_str()) {
                    return Err(format!("{name} has no business in a frame of numbers"));
                }
                self.push(Value::Name(name.into()))
            }
            // REDUCE, NEWOBJ
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let Value::Name(class) = callee else { return Err("a call of no name".to_owned()) };
                let object =
                    Object { class: class.to_string(), arguments, state: RefCell::new(Value::Nothing) };
                self.push(Value::Object(Rc::new(object)))
            }
            b'b' => {
                let state = self.pop()?;
                let Some(Value::Object(object)) = self.stack.last() else {
                    return Err("a state of no object".to_owned());
                };
                object.state.replace(state);
                Ok(())
            }
            _ => Err(format!("a code that is not known: {code:#04x}")),
        }
    }

    fn push(&mut self, value: Value) -> Read<()> {
        self.stack.push(value);
        Ok(())
    }

    fn int(&mut self, number: i64) {
        self.stack.push(Value::Int(number));
    }

    fn raw(&mut self, length: u64) -> Read<()> {
        let bytes = self.bytes(length)?.into();
        self.push(Value::Bytes(bytes))
    }

    fn get(&mut self, at: u64) -> Read<()> {
        let value = self.memo.get(&at).cloned().ok_or("nothing is kept there")?;
        self.push(value)
    }

    fn append(&mut self, values: Vec<Value>) -> Read<()> {
        match self.stack.last() {
            Some(Value::List(list)) => list.borrow_mut().extend(values),
            _ => return Err("an item of no list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, values: Vec<Value>) -> Read<()> {
        let Some(Value::Pairs(pairs)) = self.stack.last() else {
            return Err("an entry of no dictionary".to_owned());
        };
        for pair in values.chunks_exact(2) {
            pairs.borrow_mut().push((pair[0].clone(), pair[1].clone()));
        }
        Ok(())
    }
}

impl Value {
    pub fn items(&self) -> Vec<Value> {
        match self {
            Value::Tuple(values) => values.to_vec(),
            Value::List(values) => values.borrow().clone(),
            _ => Vec::new(),
        }
    }

    pub fn object(&self, class: &str) -> Read<&Object> {
        match self {
            Value::Object(object) if object.class.ends_with(class) => Ok(object),
            _ => Err(format!("no {class} where one is expected")),
        }
    }

    /// Of a dictionary.
    pub fn entry(&self, key: &str) -> Read<Value> {
        let Value::Pairs(pairs) = self else { return Err("no dictionary".to_owned()) };
        let pairs = pairs.borrow();
        let found = pairs.iter().find(|(known, _)| matches!(known, Value::Text(text) if **text == *key));
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("no entry {key}"))
    }

    fn number(&self) -> Read<f64> {
        match self {
            Value::Int(number) => Ok(*number as f64),
            Value::Text(text) => text.parse().map_err(|_| format!("{text} is no number")),
            _ => Err("no number".to_owned()),
        }
    }
}

/// The rows and columns of a numpy array, as figures. Moments are in nanoseconds, which an f64 rounds to a quarter of a
/// microsecond.
fn array(value: &Value) -> Read<(Vec<usize>, Vec<Value>, Vec<f64>)> {
    let state = value.object("_reconstruct")?.state.borrow().items();
    let [_, shape, kind, column_first, content] = state.as_slice() else {
        return Err("an array without its five parts".to_owned());
    };
    if !matches!(column_first, Value::Int(0)) {
        return Err("an array that is stored by column".to_owned());
    }
    let shape: Vec<usize> = shape
        .items()
        .iter()
        .map(|size| match size {
            Value::Int(size) => usize::try_from(*size).map_err(|_| "a negative size".to_owned()),
            _ => Err("a size that is no number".to_owned()),
        })
        .collect::<Read<_>>()?;
    let Value::Bytes(bytes) = content else {
        let items = content.items();
        return Ok((shape, items, Vec::new()));
    };
    let Some(Value::Text(name)) = kind.object("dtype")?.arguments.items().into_iter().next() else {
        return Err("an array of no kind".to_owned());
    };
    let (words, _) = bytes.as_chunks::<8>();
    let figures = match &*name {
        "f8" => words.iter().map(|word| f64::from_le_bytes(*word)).collect(),
        "i8" | "M8" => words.iter().map(|word| i64::from_le_bytes(*word) as f64).collect(),
        other => return Err(format!("an array of {other}")),
    };
    Ok((shape, Vec::new(), figures))
}

/// The columns of a frame by name.
pub fn frame(value: &Value) -> Read<HashMap<String, Vec<f64>>> {
    let frame = value.object("DataFrame")?;
    let manager = frame.state.borrow().entry("_data")?;
    let parts = manager.object("BlockManager")?.state.borrow().items();
    let [_, blocks, names, ..] = parts.as_slice() else { return Err("a frame without blocks".to_owned()) };
    let mut columns = HashMap::new();
    for (block, names) in blocks.items().iter().zip(names.items()) {
        let (shape, items, mut figures) = array(block)?;
        let [_, rows] = *shape.as_slice() else { return Err("a block without two sides".to_owned()) };
        if figures.is_empty() {
            figures = items.iter().map(Value::number).collect::<Read<_>>()?;
        }
        let arguments = names.object("_new_Index")?.arguments.items();
        let labels = arguments.get(1).ok_or("an index without its parts")?.entry("data")?;
        let (_, labels, _) = array(&labels)?;
        for (label, column) in labels.iter().zip(figures.chunks(rows.max(1))) {
            let Value::Text(label) = label else { return Err("a column without a name".to_owned()) };
            columns.insert(label.to_string(), column.to_vec());
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_let_through() {
        // What `pickle.dumps(os.system, 4)` and a call of it look like.
        let call = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.";
        assert!(load(call).unwrap_err().contains("posix system"));
        for broken in
            [&b""[..], b"\x80", b"\x80\x04B\xff\xff\xff\xffx.", b"a.", b"e.", b"\x86.", b"h\x05.", b"\xff."]
        {
            assert!(load(broken).is_err(), "{broken:?}");
        }
    }
}
