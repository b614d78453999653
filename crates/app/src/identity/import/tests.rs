use storeward_base::SystemEntropy;

use super::*;
use crate::config::FILE;
use crate::data::DataDir;

/// As WordPress wrote them for years, and before that.
const LINES: &str = "address,hash,name\n\
    ada@people.example,$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/,Ada\n\
    abe@people.example,7c6a180b36896a0a8c02787eeafb0e4c,\n\
    no-address,7c6a180b36896a0a8c02787eeafb0e4c,\n\
    ann@people.example,secret-in-the-clear,\n\
    ADA@people.example,7c6a180b36896a0a8c02787eeafb0e4c,\n\
    \"open,1,2\n";

#[test]
fn accounts_are_taken_over_and_what_does_not_fit_is_told_by_line_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::create(folder.path()).unwrap();
    data.ensure_keys(&SystemEntropy).unwrap();
    let config = "domain = ['shop.example']\n[listen]\nhttps = '127.0.0.1:0'\n[upstream]\nservers = \
                  ['http://127.0.0.1:1']\n[mail]\nserver = 'smtp.example.com'\nfrom = 'a@shop.example'\n[identity]\n";
    std::fs::write(data.join(FILE), config).unwrap();
    let file = folder.path().join("customers.csv");
    std::fs::write(&file, LINES).unwrap();
    let dry = import(&file, Run::Dry, folder.path()).unwrap();
    assert!(dry.starts_with("2 accounts fit, 2 of them with a fast hash"), "{dry}");
    for told in [dry, import(&file, Run::Real, folder.path()).unwrap()] {
        assert!(told.contains("is no e-mail address (line 4)"), "{told}");
        assert!(told.contains("has a password hash of no known form (line 5)"), "{told}");
        assert!(told.contains("cannot be read (line 7)"), "{told}");
        for secret in ["people.example", "secret", "7c6a", "$P$", "Ada"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    // A second run takes nothing, and changes nothing.
    let again = import(&file, Run::Real, folder.path()).unwrap();
    assert!(again.starts_with("0 accounts taken over"), "{again}");
    assert!(again.contains("has an account already (line 2, 3, 6)"), "{again}");
}
