//! The API's description against the types: every member, code, route, method and example; and, in [`running`], against a server that runs.

mod running;

use ots::api::{
    About, Answered, BurnedBy, Code, CreateRequest, Created, Encoding, FieldError, Health, HealthProblem, Info,
    Malformed, OpenRequest, Problem, ReceiptState, ReceiptStatus, RequestOpened, RequestStatus, RevealRequest,
    Revealed, Status,
};
use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _, de::Visitor};
use serde_json::{Value, json};

use crate::common::{Server, directory};

/// The document as it is committed, which is what the server serves.
fn document() -> Value {
    serde_json::from_str(include_str!("../../../src/server/openapi.json")).unwrap()
}

/// What stands there, or where its `$ref` leads.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(place) => document.pointer(place.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{place}")),
        None => value,
    }
}

/// A path's operations, by their method.
fn operations(path: &Value) -> impl Iterator<Item = (&str, &Value)> {
    path.as_object()
        .unwrap()
        .iter()
        .map(|(method, value)| (method.as_str(), value))
        .filter(|(key, _)| *key != "parameters")
}

fn sorted<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
    words.sort_unstable();
    words
}

fn keys(value: &Value) -> Vec<String> {
    sorted(value.as_object().unwrap().keys().cloned())
}

/// The names that an error for an unknown one lists.
fn known(errors: &[FieldError]) -> Vec<String> {
    let listed = errors.iter().find_map(|error| error.detail.split_once("the known ones are "));
    sorted(listed.unwrap().1.split(", "))
}

async fn description(server: &Server) -> Value {
    let answer = server.request(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn it_has_every_route_and_method() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let description = description(&server).await;
    assert_eq!(description, document());
    assert_eq!(description["openapi"], "3.1.0");
    let described = description["paths"].as_object().unwrap();
    assert_eq!(described.len(), 12);
    for (path, methods) in described {
        let options = server
            .request(Method::OPTIONS, &path.replace("{token}", "unknown").replace("{receipt}", "unknown"))
            .send()
            .await
            .unwrap();
        let allowed = options.headers()["allow"].to_str().unwrap().to_ascii_lowercase();
        // HEAD is GET without the body; where it is more than that it has its own description.
        let mut allowed: Vec<&str> = allowed.split(", ").filter(|method| *method != "head").collect();
        let mut methods: Vec<&str> =
            operations(methods).map(|(method, _)| method).filter(|method| *method != "head").collect();
        allowed.sort_unstable();
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{path}");
    }
}

/// An unknown parameter is refused with the list of those that are known.
#[tokio::test]
async fn it_has_every_parameter_of_a_query() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let request = server.request(Method::POST, "/api/v1/secrets?not_a_parameter=1");
    let answer = request.header("content-type", "application/octet-stream").body("x").send().await.unwrap();
    let problem: Problem = answer.json().await.unwrap();
    let document = document();
    let parameters = document["paths"]["/api/v1/secrets"]["post"]["parameters"].as_array().unwrap();
    let described = parameters.iter().filter(|parameter| parameter["in"] == "query");
    assert_eq!(sorted(described.map(|parameter| parameter["name"].as_str().unwrap())), known(&problem.errors));
}

#[test]
fn it_is_of_this_version() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// The answers about requests.
fn of_requests(at: jiff::Timestamp) -> [(&'static str, Value, Value); 3] {
    let text = || "t".to_owned();
    let opened = RequestOpened {
        token: text(),
        collecting_token: text(),
        receipt: text(),
        expires_at: at,
        url: text(),
        receipt_url: text(),
        name: None,
        answer_name: None,
    };
    let barest = json!(opened);
    let opened = RequestOpened { name: Some(text()), answer_name: Some(text()), ..opened };
    let invited = RequestStatus { invitation: text(), max_size: 1, created_at: at, expires_at: at };
    let answered = json!(Answered { expires_at: at });
    [
        ("RequestOpened", json!(opened), barest),
        ("RequestStatus", json!(invited), json!(invited)),
        ("Answered", answered.clone(), answered),
    ]
}

/// A schema's members are those of the type's fullest value, and it requires those of its barest.
#[test]
fn every_type_has_the_members_of_its_schema() {
    let document = document();
    let at = "2026-07-28T10:00:00Z".parse().unwrap();
    let text = || "t".to_owned();
    let error = || FieldError::new("/content", "d");
    let barest = Problem::new(Code::Gone, "d");
    let created = |receipt: Option<String>| {
        let (receipt_url, name) = (receipt.clone(), receipt.clone());
        json!(Created { token: text(), expires_at: at, message: text(), url: text(), receipt, receipt_url, name })
    };
    let receipt = ReceiptStatus {
        state: ReceiptState::Claimed,
        burned_by: Some(BurnedBy::Link),
        created_at: at,
        expires_at: at,
        claimed_at: Some(at),
        claim_expires_at: Some(at),
        ended_at: Some(at),
        attempts: 1,
    };
    let unread =
        ReceiptStatus { burned_by: None, claimed_at: None, claim_expires_at: None, ended_at: None, ..receipt.clone() };
    let fullest = Problem {
        errors: vec![error()],
        limit: std::num::NonZeroU64::new(1),
        attempts_left: Some(9),
        retry_after: Some(std::num::NonZeroU32::MIN),
        ..barest.clone()
    };
    let revealed = |encoding| json!(Revealed { content: "c".into(), encoding, message: Revealed::MESSAGE });
    let status = Status { created_at: at, expires_at: at, size: 1, encrypted: true, passphrase_required: true };
    let about = About {
        title: Some(text()),
        notice: Some(text()),
        contact: Some(text()),
        imprint_url: Some(text()),
        privacy_url: Some(text()),
    };
    let info = Info {
        max_size: 1,
        default_ttl_seconds: 1,
        max_ttl_seconds: 1,
        claim_lease_seconds: 1,
        receipt_retention_seconds: Some(1),
        public_url: Some(text()),
        creation_closed: true,
        key_required: true,
        about,
        version: text(),
    };
    let problem = HealthProblem { code: text(), detail: text() };
    let bare = Health { status: text(), database: text(), version: text(), ..Health::default() };
    let health = Health {
        last_commit_at: Some(at),
        last_sweep_at: Some(at),
        last_checkpoint_at: Some(at),
        durability: Some(text()),
        problems: vec![problem.clone()],
        ..bare.clone()
    };
    for (name, fullest, barest) in [
        ("Created", created(Some(text())), created(None)),
        ("ReceiptStatus", json!(receipt), json!(unread)),
        ("Revealed", revealed(Some(Encoding::Base64)), revealed(None)),
        ("Status", json!(status), json!(status)),
        (
            "Info",
            json!(info),
            json!(Info { receipt_retention_seconds: None, public_url: None, about: About::default(), ..info.clone() }),
        ),
        ("Health", json!(health), json!(bare)),
        ("HealthProblem", json!(problem), json!(problem)),
        ("Problem", json!(fullest), json!(barest)),
        ("FieldError", json!(error()), json!(error())),
    ]
    .into_iter()
    .chain(of_requests(at))
    {
        let schema = &document["components"]["schemas"][name];
        assert_eq!(keys(&schema["properties"]), keys(&fullest), "{name}");
        assert_eq!(
            sorted(schema["required"].as_array().unwrap().iter().map(|word| word.as_str().unwrap())),
            keys(&barest)
        );
        for (member, value) in fullest.as_object().unwrap() {
            let kind = &resolved(&document, &schema["properties"][member])["type"];
            let is = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Array(_) => "array",
                _ => "integer",
            };
            assert_eq!(kind, is, "{name}: {member}");
        }
    }
    assert_eq!(document["components"]["schemas"]["Encoding"]["enum"], json!([Encoding::Base64]));
}

/// A request's members are those that its parser knows, and it requires those that the parser misses.
#[test]
fn every_request_has_the_members_of_its_schema() {
    let errors = |parsed: Result<(), Malformed>| match parsed {
        Ok(()) => Vec::new(),
        Err(Malformed::Invalid(errors)) => errors,
        Err(Malformed::NotJson) => panic!("not JSON"),
    };
    let create = |body: &[u8]| errors(CreateRequest::parse(&mut body.to_vec()).map(drop));
    let ask = |body: &[u8]| errors(OpenRequest::parse(&mut body.to_vec()).map(drop));
    let reveal = |body: &[u8]| errors(RevealRequest::parse(body).map(drop));
    let document = document();
    let schemas = &document["components"]["schemas"];
    let unknown = br#"{"not_a_member": 1}"#;
    assert_eq!(keys(&schemas["CreateRequest"]["properties"]), known(&create(unknown)));
    assert_eq!(keys(&schemas["RevealRequest"]["properties"]), known(&reveal(unknown)));
    assert_eq!(keys(&schemas["OpenRequest"]["properties"]), known(&ask(unknown)));
    for (name, missed) in [("CreateRequest", create(b"{}")), ("OpenRequest", ask(b"{}"))] {
        let missed: Vec<&str> = missed.iter().map(|error| error.pointer.trim_start_matches('/')).collect();
        assert_eq!(schemas[name]["required"], json!(missed));
    }
    assert!(schemas["RevealRequest"].get("required").is_none() && reveal(b"{}").is_empty());
}

/// The words of an enum, which its deserialiser names before it looks at anything.
struct Words<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Words<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("not an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(words);
        Err(Self::Error::custom("only the words are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// What a receipt can say is what its schema says.
#[test]
fn every_state_of_a_receipt_is_described() {
    let schemas = &document()["components"]["schemas"];
    let [mut states, mut burners] = [const { Vec::new() }; 2];
    let _ = ReceiptState::deserialize(Words(&mut states));
    let _ = BurnedBy::deserialize(Words(&mut burners));
    for (name, mut words) in [("ReceiptState", states), ("BurnedBy", burners)] {
        words.retain(|word| *word != "unknown");
        assert_eq!(schemas[name]["enum"], json!(words), "{name}");
    }
}

/// Each code is in the schema, and named by an answer with its status, or with its status where the codes are described.
#[test]
fn every_code_is_described_with_its_status() {
    let mut words = Vec::new();
    let _ = Code::deserialize(Words(&mut words));
    // What a client makes of a word that it doesn't know is on no wire.
    words.retain(|word| *word != "unknown");
    assert!(words.len() >= 17, "{words:?}");
    let mut all: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    all.sort_unstable();
    assert_eq!(all, sorted(words.iter().copied()), "each is counted under its word");
    let document = document();
    let schema = &document["components"]["schemas"]["Code"];
    assert_eq!(schema["enum"], json!(words));
    let mut told: Vec<(String, &str)> = Vec::new();
    for (_, operation) in document["paths"].as_object().unwrap().values().flat_map(operations) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(&document, response);
            told.push((status.clone(), response["description"].as_str().unwrap()));
        }
    }
    for word in words {
        let code: Code = serde_json::from_value(json!(word)).unwrap();
        let status = code.status().to_string();
        let named = format!("`{word}`");
        let by_an_answer = told.iter().any(|(of, description)| *of == status && description.contains(&named));
        let by_itself = schema["description"].as_str().unwrap().contains(&format!("{status} {named}"));
        assert!(by_an_answer || by_itself, "{status} {word}");
        let elsewhere = told.iter().find(|(of, description)| *of != status && description.contains(&named));
        assert!(elsewhere.is_none(), "{word} is told with another status: {elsewhere:?}");
    }
}

/// Each example, wherever it stands, is a value of the type that stands beside it: no member is unknown, none is missing.
#[test]
fn every_example_is_a_value_of_its_type() {
    let document = document();
    let mut seen = Vec::new();
    each_example(&document, &mut |schema, example| {
        seen.push(schema.to_owned());
        let text = example.to_string();
        let again = match schema {
            "CreateRequest" => return assert!(CreateRequest::parse(&mut text.clone().into_bytes()).is_ok(), "{text}"),
            "RevealRequest" => return assert!(RevealRequest::parse(text.as_bytes()).is_ok(), "{text}"),
            "Created" => again::<Created>(&text),
            "Revealed" => again::<Revealed<'_>>(&text),
            "Status" => again::<Status>(&text),
            "ReceiptStatus" => again::<ReceiptStatus>(&text),
            "Info" => again::<Info>(&text),
            "Health" => again::<Health>(&text),
            "Problem" => {
                let problem: Problem = serde_json::from_str(&text).unwrap();
                assert_eq!((problem.status, &*problem.title), (problem.code.status(), problem.code.title()), "{text}");
                again::<Problem>(&text)
            }
            other => panic!("an example of {other}"),
        };
        assert_eq!(&again, example);
    });
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 9, "{seen:?}");
}

/// Read as the type, and written again.
fn again<'a, T: Deserialize<'a> + Serialize>(text: &'a str) -> Value {
    let value: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    json!(value)
}

/// Calls with the schema's name and the example, for all that stand beside a schema.
fn each_example(value: &Value, found: &mut impl FnMut(&str, &Value)) {
    if let Some(schema) = value["schema"]["$ref"].as_str().and_then(|place| place.rsplit('/').next()) {
        let several = value["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
        several.chain(value.get("example")).for_each(|example| found(schema, example));
    }
    let members = value.as_object().into_iter().flat_map(|members| members.values());
    members.chain(value.as_array().into_iter().flatten()).for_each(|member| each_example(member, found));
}
