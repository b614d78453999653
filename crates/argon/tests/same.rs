//! The vectors of RFC 9106, and the crate `argon2` as another's word on everything else.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use storeward_argon::{Block, Error, Input, Kind, Params, STRETCH, hash};

fn tag_of(params: &Params, input: &Input<'_>, bytes: usize, give_way: &mut dyn FnMut()) -> Vec<u8> {
    let mut tag = vec![0; bytes];
    // What lies in the memory before does not matter.
    let mut memory = vec![Block::new(); params.blocks() + 3];
    hash(params, &Input { text: b"another", salt: &[9; 8], ..*input }, &mut [0; 32], &mut memory, &mut || ())
        .unwrap();
    hash(params, input, &mut tag, &mut memory, give_way).unwrap();
    tag
}

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

// Sections 5.2 and 5.3: m = 32 KiB, t = 3, p = 4, a tag of 32 bytes.
#[test]
fn it_has_the_tags_of_the_rfc() {
    let input = Input { text: &[1; 32], salt: &[2; 16], secret: &[3; 8], associated: &[4; 12] };
    for (kind, tag) in [
        (
            Kind::I,
            "c8 14 d9 d1 dc 7f 37 aa 13 f0 d7 7f 24 94 bd a1 c8 de 6b 01 6d d3 88 d2 99 52 a4 c4 67 2b 6c e8",
        ),
        (
            Kind::Id,
            "0d 64 0d f5 8d 78 76 6c 08 c0 37 a3 4a 8b 53 c9 d0 1e f0 45 2d 75 b6 5e b5 25 20 e9 6b 01 e6 59",
        ),
    ] {
        let params = Params::new(kind, 32, 3, 4).unwrap();
        assert_eq!(tag_of(&params, &input, 32, &mut || ()), hex(tag), "{kind:?}");
    }
}

#[test]
fn it_gives_way_every_few_blocks_of_each_pass() {
    for (memory, passes, lanes, segment) in [(19_456, 2, 1, 4_864_usize), (1_024, 3, 2, 128), (8, 1, 1, 2)] {
        let params = Params::new(Kind::Id, memory, passes, lanes).unwrap();
        let mut times = 0;
        tag_of(&params, &Input { text: b"words", salt: &[1; 16], ..Input::default() }, 32, &mut || {
            times += 1
        });
        let segments = 4 * passes as usize * lanes as usize;
        // The first blocks of each lane's first segment are there before.
        assert_eq!(times, segments * segment.div_ceil(STRETCH) - lanes as usize, "{memory} KiB");
    }
}

#[test]
fn what_it_cannot_do_is_an_error() {
    for (memory, passes, lanes) in [(7, 1, 1), (8, 0, 1), (8, 1, 0), (31, 1, 4), (u32::MAX, 1, 1 << 24)] {
        assert_eq!(Params::new(Kind::Id, memory, passes, lanes), Err(Error::Params));
    }
    let params = Params::new(Kind::Id, 35, 1, 1).unwrap();
    assert_eq!(params.blocks(), 32);
    let salted = Input { salt: &[1; 8], ..Input::default() };
    let run = |input: &Input<'_>, tag: &mut [u8], blocks: usize| {
        hash(&params, input, tag, &mut vec![Block::new(); blocks], &mut || ())
    };
    assert_eq!(run(&salted, &mut [0; 32], 31), Err(Error::Memory));
    assert_eq!(run(&salted, &mut [0; 3], 32), Err(Error::Length));
    assert_eq!(run(&Input { salt: &[1; 7], ..salted }, &mut [0; 32], 32), Err(Error::Length));
    assert_eq!(run(&salted, &mut [0; 4], 32), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_says_what_the_crate_argon2_says(
        independent in any::<bool>(),
        lanes in 1_u32..6,
        more in 0_u32..1_500,
        passes in 1_u32..5,
        bytes in 4_usize..200,
        text in prop::collection::vec(any::<u8>(), 0..300),
        salt in prop::collection::vec(any::<u8>(), 8..70),
        secret in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let memory = 8 * lanes + more;
        let (kind, theirs) = match independent {
            true => (Kind::I, argon2::Algorithm::Argon2i),
            false => (Kind::Id, argon2::Algorithm::Argon2id),
        };
        let params = argon2::Params::new(memory, passes, lanes, Some(bytes)).unwrap();
        let other = argon2::Argon2::new_with_secret(&secret, theirs, argon2::Version::V0x13, params).unwrap();
        let mut expected = vec![0; bytes];
        other.hash_password_into(&text, &salt, &mut expected).unwrap();
        let params = Params::new(kind, memory, passes, lanes).unwrap();
        let input = Input { text: &text, salt: &salt, secret: &secret, associated: &[] };
        prop_assert_eq!(tag_of(&params, &input, bytes, &mut || ()), expected);
    }
}
