//! What a server that means harm, or is none, can make of it.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::super::{Foreign, ForeignUrl};
use super::*;

/// A server that says these packets, one after each that it reads, and ends.
fn says(packets: Vec<Vec<u8>>) -> ForeignUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let last = packets.len().saturating_sub(1);
        for (number, packet) in packets.into_iter().enumerate() {
            if stream.write_all(&packet).is_err() {
                return;
            }
            if number == last {
                drop(stream.shutdown(std::net::Shutdown::Write));
            }
            let mut head = [0; 4];
            if stream.read_exact(&mut head).is_err() {
                return;
            }
            let length = usize::from(head[0]) | usize::from(head[1]) << 8;
            drop(stream.read_exact(&mut vec![0; length]));
        }
    });
    ForeignUrl::parse(&format!("mysql://u:hunter2@127.0.0.1:{port}/d")).unwrap()
}

fn packet(order: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    [&[length, 0, 0, order], bytes].concat()
}

fn hello(plugin: &str) -> Vec<u8> {
    let mut out = vec![10];
    out.extend_from_slice(b"8.0\0\x01\0\0\0saltsalt\0");
    out.extend_from_slice(&[0xff, 0xf7, 45, 2, 0, 0xff, 0xff, 21]);
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(b"saltsaltsalt\0");
    out.extend_from_slice(plugin.as_bytes());
    out.push(0);
    packet(0, &out)
}

fn told(packets: Vec<Vec<u8>>) -> String {
    let told = Foreign::open(&says(packets)).map(drop).unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
    told
}

#[test]
fn a_server_gets_no_password_in_plain_text_and_no_file() {
    let switch =
        |plugin: &str| packet(2, &[b"\xfe", plugin.as_bytes(), b"\0saltsaltsaltsaltsalt\0"].concat());
    let native = || hello("mysql_native_password");
    assert!(told(vec![native(), switch("mysql_clear_password")]).contains("mysql_clear_password"));
    assert!(told(vec![hello("caching_sha2_password"), packet(2, &[1, 4])]).contains("TLS"));
    assert!(told(vec![native(), packet(2, &[0xfe])]).contains("oldest"));
    assert!(
        told(vec![native(), packet(2, &[0, 0, 0]), packet(1, b"\xfb/etc/passwd")])
            .contains("asks for a file")
    );
}

#[test]
fn what_is_no_server_or_breaks_off_is_an_error() {
    assert!(told(vec![packet(0, b"\x09old\0")]).contains("no MySQL"));
    assert!(told(vec![packet(0, b"")]).contains("no MySQL"));
    assert!(told(vec![packet(0, b"\xff\x15\x04#28000Access denied for user u")]).contains("Access denied"));
    // Words that may quote a value are not passed on.
    assert!(!told(vec![packet(0, b"\xff\xf1\x05#22007Wrong: ada@shop.example")]).contains("ada"));
    let cut = vec![hello("mysql_native_password"), packet(2, &[0]), vec![0xff, 0xff, 0xff, 1, 2]];
    assert!(told(cut).contains("does not answer"));
    // Wherever it is cut, it is read as far as it goes and no further.
    let whole = hello("x");
    for length in 4..whole.len() {
        let parsed = Hello::parse(&whole[4..length]);
        assert!(parsed.is_none_or(|hello| hello.salt.len() == 20), "{length}");
    }
}

#[test]
fn a_server_fills_no_memory() {
    let native = || vec![hello("mysql_native_password"), packet(2, &[0, 0, 0])];
    // The session's own question is answered with this many columns, or with rows of none.
    // In one go: nobody asks in between.
    let with = |count: &[u8], more: &[u8]| [native(), vec![[&packet(1, count), more].concat()]].concat();
    assert!(
        told(with(&[0xfc, 0, 0], &[packet(2, &[0xfe, 0, 0, 0, 0]), packet(3, &[])].concat()))
            .contains("does not answer")
    );
    assert!(told(with(&[0xfc, 0xff, 0xff], &[])).contains("does not answer"));
    // Definitions of columns count as much as rows do: sixteen mebibytes at a time.
    let mut big = vec![0xfe, 0xff, 0xff, 2];
    // Four texts of nothing, and a name as long as what is left.
    big.extend([0, 0, 0, 0, 0xfd, 0xf0, 0xff, 0xff]);
    big.resize(4 + 0xff_fffe, b'n');
    let definitions: Vec<u8> = (0_u8..5)
        .flat_map(|at| {
            big[3] = 2 + at;
            big.clone()
        })
        .collect();
    assert!(told(with(&[200], &definitions)).contains("64 MiB"));
}

#[test]
fn a_server_that_says_a_byte_now_and_then_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hear = |stream: &mut TcpStream| assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(&hello("mysql_native_password")).unwrap();
        // The proof, and the four settings.
        for order in [2, 1, 1, 1, 1] {
            hear(&mut stream);
            stream.write_all(&packet(order, &[0, 0, 0])).unwrap();
        }
        hear(&mut stream);
        // A packet of 16 MiB, byte by byte: each of them comes in time.
        let mut count = 0;
        stream.write_all(&[0xfe, 0xff, 0xff, 1]).unwrap();
        while stream.write_all(b"x").is_ok() {
            count += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        said.send(count).unwrap();
    });
    let url = ForeignUrl::parse(&format!("mysql://u:hunter2@127.0.0.1:{port}/d")).unwrap();
    let super::super::url::Place::MySql(server) = &url.0 else { panic!() };
    let mut session = Session::open_within(server, Duration::from_millis(600)).unwrap();
    let told = session.query("SELECT 1").unwrap_err().to_string();
    assert!(told.contains("does not answer"), "{told}");
    drop(session);
    assert!(heard.recv().unwrap() > 1, "it was heard more than once before it was left");
}

#[test]
fn passwords_are_proved_as_the_servers_reckon() {
    use crate::foreign::mysql::proof;
    use storeward_base::Secret;
    let none = Secret::new(String::new());
    assert_eq!(proof::of("mysql_native_password", &none, b"salt"), Some(Vec::new()));
    assert_eq!(proof::of("mysql_clear_password", &Secret::new("x".to_owned()), b"salt"), None);
}
