//! Mutations of encoded messages that keep most of them valid: fields and values, not bytes.

use crate::{Edits, pick};

/// Values at which arithmetic breaks.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    5,
    31,
    32,
    255,
    1 << 16,
    (1 << 24) + 1,
    (1 << 25) + 1,
    0x7fff_ffff,
    0x8000_0000,
    4_000_000_000,
    0xffff_ffff,
    0x1_0000_0000,
    1 << 53,
    u64::MAX >> 1,
    1 << 63,
    u64::MAX,
    0x7ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
];

/// A field of a message.
#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    /// Bytes that can be read as fields, whatever they are.
    Fields(Vec<Field>),
}

/// The input that these edits make of one of the corpus.
#[must_use]
pub fn mutated(corpus: &[&[u8]], (start, edits): &Edits) -> Vec<u8> {
    let bytes = pick(corpus, *start).copied().unwrap_or_default();
    let Some(mut fields) = parse(bytes, 0) else { return bytes.to_vec() };
    for &(kind, place, value) in edits {
        let count = count(&fields).max(1);
        edit(&mut fields, &mut (usize::from(place) % count), kind, value);
    }
    encode(&fields)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index).min(63);
        if byte < 0x80 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

fn parse(mut bytes: &[u8], depth: u32) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (key, rest) = varint(bytes)?;
        let value;
        (value, bytes) = match key & 7 {
            0 => varint(rest).map(|(number, rest)| (Value::Varint(number), rest))?,
            1 => rest.split_first_chunk().map(|(fixed, rest)| (Value::Fixed64(*fixed), rest))?,
            5 => rest.split_first_chunk().map(|(fixed, rest)| (Value::Fixed32(*fixed), rest))?,
            2 => {
                let (length, rest) = varint(rest)?;
                let (inner, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                let fields = if depth < 8 { parse(inner, depth + 1) } else { None };
                (fields.map_or_else(|| Value::Bytes(inner.to_vec()), Value::Fields), rest)
            }
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
    }
    Some(fields)
}

fn push_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let inner = match value {
            Value::Fields(fields) => Some(encode(fields)),
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        };
        let kind = match value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Fixed32(_) => 5,
            Value::Bytes(_) | Value::Fields(_) => 2,
        };
        push_varint(&mut bytes, number << 3 | kind);
        match value {
            Value::Varint(number) => push_varint(&mut bytes, *number),
            Value::Fixed64(fixed) => bytes.extend_from_slice(fixed),
            Value::Fixed32(fixed) => bytes.extend_from_slice(fixed),
            Value::Bytes(_) | Value::Fields(_) => {
                let inner = inner.unwrap_or_default();
                push_varint(&mut bytes, inner.len() as u64);
                bytes.extend_from_slice(&inner);
            }
        }
    }
    bytes
}

/// Fields at any depth.
fn count(fields: &[Field]) -> usize {
    let inner = |field: &Field| if let Value::Fields(fields) = &field.value { count(fields) } else { 0 };
    fields.iter().map(|field| 1 + inner(field)).sum()
}

/// Changes the field at a place, counted depth first; true: it was among these.
fn edit(fields: &mut Vec<Field>, place: &mut usize, kind: u8, value: u16) -> bool {
    for index in 0..fields.len() {
        if *place == 0 {
            change(fields, index, kind, value);
            return true;
        }
        *place -= 1;
        if let Value::Fields(inner) = &mut fields[index].value
            && edit(inner, place, kind, value)
        {
            return true;
        }
    }
    false
}

fn change(fields: &mut Vec<Field>, index: usize, kind: u8, value: u16) {
    let number = pick(NUMBERS, value).copied().unwrap_or_default();
    match kind % 8 {
        0 => drop(fields.remove(index)),
        1 => fields.insert(index, fields[index].clone()),
        2 => fields[index].number = u64::from(value % 20),
        3 => {
            let times = 1usize << (value % 8);
            let copies = vec![fields[index].clone(); if fields.len() < 1 << 12 { times } else { 1 }];
            fields.splice(index..index, copies);
        }
        _ => match &mut fields[index].value {
            Value::Varint(varint) => *varint = number,
            Value::Fixed64(fixed) => *fixed = number.to_le_bytes(),
            Value::Fixed32(fixed) => fixed.copy_from_slice(&number.to_le_bytes()[..4]),
            Value::Bytes(bytes) => change_bytes(bytes, number, value),
            Value::Fields(inner) => {
                let mut bytes = encode(inner);
                change_bytes(&mut bytes, number, value);
                fields[index].value = Value::Bytes(bytes);
            }
        },
    }
}

/// Of packed numbers, strings, or whatever these bytes are.
fn change_bytes(bytes: &mut Vec<u8>, number: u64, value: u16) {
    let at = usize::from(value >> 5) % (bytes.len() + 1);
    match value % 4 {
        0 => bytes.truncate(at),
        1 => push_varint(bytes, number),
        2 => drop(bytes.splice(at..at, number.to_le_bytes())),
        _ => {
            let mut encoded = Vec::new();
            push_varint(&mut encoded, number);
            let end = (at + 1).min(bytes.len());
            bytes.splice(at..end, encoded);
        }
    }
}
