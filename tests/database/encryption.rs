//! Connections that leave the machine: encrypted, and only to the server that the certificate names.

use crate::harness::{Database, FunctionRun, encrypted_server, event, record, temporary_folder};

use local::database::make_tls_files;

#[tokio::test]
async fn codes_are_stored_over_an_encrypted_connection() {
    let (server, database, _folder) = encrypted_server(&[]).await;
    assert!(database.url.contains("ssl-mode=VERIFY_IDENTITY"));
    let function = FunctionRun::new("post-log", &[("DATABASE_URL", &database.url)]);
    assert_eq!(function.send(&record("a", 1, 1).to_string()).await.status, 200);
    assert_eq!(database.count().await, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_server_with_the_wrong_certificate_gets_no_data() {
    let (server, database, folder) = encrypted_server(&[]).await;
    let stranger = temporary_folder();
    let other = make_tls_files(stranger.path()).expect("certificates can be made");
    let right = folder.path().join("authority.pem");
    let signed_by_another = database.url.replace(&*right.to_string_lossy(), &other.authority.to_string_lossy());
    assert_ne!(signed_by_another, database.url);
    let named_differently = database.url.replace("@127.0.0.1:", "@localhost:");
    for url in [signed_by_another, named_differently] {
        let function = FunctionRun::new("get-logs", &[("DATABASE_URL", &url)]);
        let answer = function.invoke(&event()).await.expect("it answers");
        assert_eq!(answer.status, 503);
        assert!(function.log().contains("certificate"), "{}", function.log());
    }
    let right = Database { url: database.url.clone() };
    assert_eq!(right.count().await, 0);
    server.stop().await;
}
