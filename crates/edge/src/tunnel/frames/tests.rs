use super::*;

const MASK: [u8; 4] = [7, 0, 91, 255];

/// A client's frame with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap()),
        middle @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(long).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// What is heard and what passes, with the bytes coming in pieces of this length.
fn take(bytes: &[u8], step: usize, most: usize) -> (Vec<Vec<u8>>, Vec<u8>, Option<Fault>) {
    let mut frames = Frames::new(most);
    let (mut heard, mut passed) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(step) {
        frames.inbound.extend_from_slice(piece);
        loop {
            match frames.next() {
                Ok(None) => break,
                Ok(Some(Piece::Control(frame))) => passed.extend_from_slice(&frame),
                Ok(Some(Piece::Message)) => {
                    heard.push(frames.message().to_vec());
                    passed.extend(frames.held());
                }
                Err(fault) => return (heard, passed, Some(fault)),
            }
        }
    }
    (heard, passed, None)
}

#[test]
fn messages_are_heard_whole_and_pass_as_they_came() {
    let long = vec![b'x'; 70_000];
    for (frames, messages) in [
        (vec![frame(0x81, b"hello")], vec![&b"hello"[..]]),
        (vec![frame(0x82, b"")], vec![b""]),
        (vec![frame(0x01, b"he"), frame(0x00, b"l"), frame(0x80, b"lo")], vec![b"hello"]),
        (vec![frame(0x81, &long), frame(0x81, &long[..300])], vec![&long, &long[..300]]),
    ] {
        let bytes = frames.concat();
        for step in [1, 3, 1_000, bytes.len().max(1)] {
            let (heard, passed, fault) = take(&bytes, step, 80_000);
            assert_eq!((heard, fault), (messages.iter().map(|m| m.to_vec()).collect(), None));
            assert!(passed == bytes, "what passes is what came, in pieces of {step}");
        }
    }
}

// What is asked between the pieces of a message does not wait for its end, and no piece goes before it.
#[test]
fn a_ping_goes_before_the_message_that_it_interrupts() {
    let (first, ping, last) = (frame(0x01, b"he"), frame(0x89, b"?"), frame(0x80, b"y"));
    let (heard, passed, fault) = take(&[&first[..], &ping].concat(), 2, 100);
    assert_eq!((heard.len(), passed, fault), (0, ping.clone(), None));
    let (heard, passed, _) = take(&[&first[..], &ping, &last].concat(), 2, 100);
    assert_eq!((heard, passed), (vec![b"hey".to_vec()], [ping, first, last].concat()));
}

// A shop that reads these otherwise would be told what nobody heard.
#[test]
fn what_has_two_readings_ends_it() {
    let mut unmasked = vec![0x81, 5];
    unmasked.extend(b"hello");
    let mut endless = vec![0x81, 0xff];
    endless.extend(u64::MAX.to_be_bytes());
    endless.extend(MASK);
    for (bytes, expected) in [
        (unmasked, Fault::Frames),
        // Packed (RFC 7692), which nobody agreed on; and the other two signs.
        (frame(0xc1, b"x"), Fault::Frames),
        (frame(0xa1, b"x"), Fault::Frames),
        (frame(0x91, b"x"), Fault::Frames),
        (frame(0x80, b"x"), Fault::Frames),
        ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), Fault::Frames),
        (frame(0x83, b"x"), Fault::Frames),
        (frame(0x8b, b"x"), Fault::Frames),
        (frame(0x09, b"x"), Fault::Frames),
        (frame(0x89, &[0; 126]), Fault::Frames),
        (endless, Fault::TooLong),
        (frame(0x81, &[0; 101]), Fault::TooLong),
        ([frame(0x01, &[0; 60]), frame(0x80, &[0; 41])].concat(), Fault::TooLong),
        ([vec![frame(0x01, b"")], vec![frame(0x00, b""); 12_000]].concat().concat(), Fault::TooLong),
    ] {
        let (heard, passed, fault) = take(&bytes, 4_096, 100);
        assert_eq!((heard.len(), passed.len(), fault), (0, 0, Some(expected)), "{:?}", bytes.get(..8));
    }
}

#[test]
fn the_end_of_the_shops_frames_is_known() {
    let mut long = vec![0x82, 126, 1, 0];
    long.extend([9; 256]);
    let mut masked = vec![0x81, 0x80 | 2];
    masked.extend(*b"mask..");
    let mut huge = vec![0x82, 127];
    huge.extend(70_000u64.to_be_bytes());
    huge.extend(vec![1; 70_000]);
    for frame in [vec![0x81, 2, b'o', b'k'], vec![0x8a, 0], long, masked, huge] {
        for step in [1, 7, frame.len()] {
            let mut boundary = Boundary::default();
            assert!(boundary.is_between());
            let (last, all) = frame.split_last().unwrap();
            all.chunks(step).for_each(|piece| {
                boundary.pass(piece);
                assert!(!boundary.is_between());
            });
            boundary.pass(&[*last]);
            assert!(boundary.is_between());
        }
    }
}

#[test]
fn what_keeps_a_connection_open_is_no_word() {
    let (ping, pong) = (frame(0x89, &[1; 125]), frame(0x8a, b""));
    for (bytes, expected) in [
        ([ping.clone(), pong.clone()].concat(), false),
        ([pong.clone(), frame(0x81, b"log me in"), ping.clone()].concat(), true),
        ([frame(0x02, b"log"), pong.clone()].concat(), true),
        (frame(0x80, b""), true),
        (frame(0x88, b""), true),
        // None of a client's, or that a shop may read otherwise.
        (frame(0x09, b"x"), true),
        (frame(0xc9, b"x"), true),
        (frame(0x89, &[1; 126]), true),
        (vec![0x89, 0], true),
        ([b"first".to_vec(), pong.clone()].concat(), true),
    ] {
        for step in [1, 7, bytes.len()] {
            let mut words = Words::default();
            let says = bytes.chunks(step).fold(false, |says, piece| says | words.pass(piece));
            assert_eq!(says, expected, "{:?} by {step}", bytes.get(..8.min(bytes.len())));
        }
    }
    // Each piece of a message is one, and what comes behind bytes that are no frame.
    let mut words = Words::default();
    let message = frame(0x81, &[1; 40]);
    assert!(words.pass(&message[..20]) && words.pass(&message[20..]) && !words.pass(&ping));
    assert!(words.pass(b"first") && words.pass(&ping));
}

#[test]
fn close_frames_are_frames() {
    for fault in [Fault::Frames, Fault::TooLong, Fault::Refused] {
        let mut boundary = Boundary::default();
        boundary.pass(fault.close());
        assert!(boundary.is_between(), "{fault:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_made_up(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), step in 1usize..40) {
        let (_, passed, _) = take(&bytes, step, 100);
        // Control frames go before the message that they interrupt; nothing else moves.
        let mut all: Vec<u8> = bytes.clone();
        let mut some = passed.clone();
        all.sort_unstable();
        some.sort_unstable();
        proptest::prop_assert!(passed.len() <= bytes.len());
        proptest::prop_assert!(some.iter().all(|byte| all.contains(byte)));
    }
}
