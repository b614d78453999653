//! Against the RFC's recursive definition, written out naively, and the values that Certificate Transparency's own
//! test suites publish.

use std::collections::HashMap;
use std::convert::Infallible;

use super::*;
use crate::encoding::{decode_hex, hex};

/// MTH of RFC 6962 section 2.1, word for word.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => leaf_hash(one),
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            node_hash(&naive_root(&many[..k]), &naive_root(&many[k..]))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1.
fn naive_path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let (mut path, sibling) = if m < k {
        (naive_path(m, &leaves[..k]), naive_root(&leaves[k..]))
    } else {
        (naive_path(m - k, &leaves[k..]), naive_root(&leaves[..k]))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2.
fn naive_subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let (mut path, sibling) = if m <= k {
        (naive_subproof(m, &leaves[..k], whole), naive_root(&leaves[k..]))
    } else {
        (naive_subproof(m - k, &leaves[k..], false), naive_root(&leaves[..k]))
    };
    path.push(sibling);
    path
}

struct Tree {
    range: CompactRange,
    nodes: HashMap<Node, Hash>,
}

fn grow(leaves: &[Vec<u8>]) -> Tree {
    let mut tree = Tree { range: CompactRange::new(), nodes: HashMap::new() };
    for (at, leaf) in leaves.iter().enumerate() {
        for (level, hash) in (0u32..).zip(tree.range.append(leaf_hash(leaf))) {
            tree.nodes.insert(Node { level, index: at as u64 >> level }, hash);
        }
    }
    tree
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("entry {n}").into_bytes()).collect()
}

#[test]
fn roots_of_certificate_transparencys_test_data() {
    // Inputs and roots of certificate-transparency's merkletree tests (sizes 1 to 8).
    let inputs: Vec<Vec<u8>> =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
            .iter()
            .map(|h| decode_hex(h).unwrap())
            .collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(hex(&grow(&inputs[..size]).range.root()), *root, "size {size}");
    }
}

#[test]
fn appending_agrees_with_the_recursive_definition() {
    for size in 0..=130 {
        let leaves = numbered(size);
        let range = grow(&leaves).range;
        assert_eq!(range.root(), naive_root(&leaves), "size {size}");
        assert_eq!(CompactRange::from_bytes(&range.to_bytes()), Ok(range));
    }
}

#[test]
fn inclusion_is_proven_for_every_leaf_and_for_no_other() {
    for size in 1..=130usize {
        let leaves = numbered(size);
        let tree = grow(&leaves);
        let root = tree.range.root();
        for index in 0..size {
            let mut asked = 0;
            let mut lookup = |node: Node| {
                asked += 1;
                Ok::<_, Infallible>(tree.nodes[&node])
            };
            let path = inclusion_proof(index as u64, size as u64, &mut lookup).unwrap().unwrap();
            assert!(asked <= 2 * 8, "a proof asks for O(log n) nodes");
            assert_eq!(path, naive_path(index, &leaves));
            let leaf = leaf_hash(&leaves[index]);
            verify_inclusion(&leaf, index as u64, size as u64, &path, &root).unwrap();
            let other = (index as u64 + 1) % size as u64;
            if size > 1 {
                assert!(verify_inclusion(&leaf, other, size as u64, &path, &root).is_err());
                assert!(verify_inclusion(&leaf, index as u64, size as u64, &path[1..], &root).is_err());
            }
            let longer: Vec<Hash> = path.iter().copied().chain([root]).collect();
            assert!(verify_inclusion(&leaf, index as u64, size as u64, &longer, &root).is_err());
            assert!(
                verify_inclusion(&leaf_hash(b"forged"), index as u64, size as u64, &path, &root).is_err()
            );
        }
        let mut lookup = |node: Node| Ok::<_, Infallible>(tree.nodes[&node]);
        assert_eq!(inclusion_proof(size as u64, size as u64, &mut lookup).unwrap(), None);
    }
}

#[test]
fn consistency_is_proven_for_every_pair_and_for_no_other_tree() {
    for new in 0..=130usize {
        let leaves = numbered(new);
        let tree = grow(&leaves);
        let mut lookup = |node: Node| Ok::<_, Infallible>(tree.nodes[&node]);
        for old in 0..=new {
            let path = consistency_proof(old as u64, new as u64, &mut lookup).unwrap().unwrap();
            if old > 0 {
                assert_eq!(path, naive_subproof(old, &leaves, true), "{old} of {new}");
            }
            let (old_root, new_root) = (naive_root(&leaves[..old]), naive_root(&leaves));
            verify_consistency(old as u64, new as u64, &path, &old_root, &new_root).unwrap();
            let forged = leaf_hash(b"forged");
            assert!(verify_consistency(old as u64, new as u64, &path, &forged, &new_root).is_err());
            if old > 0 {
                assert!(verify_consistency(old as u64, new as u64, &path, &old_root, &forged).is_err());
            }
        }
        assert_eq!(consistency_proof(new as u64 + 1, new as u64, &mut lookup).unwrap(), None);
    }
}

#[test]
fn a_damaged_head_is_refused() {
    let bytes = grow(&numbered(11)).range.to_bytes();
    assert!(CompactRange::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert!(CompactRange::from_bytes(&bytes[..bytes.len() - 32]).is_err());
    assert!(CompactRange::from_bytes(&[]).is_err());
}
