//! What a path can lead to, and what each is called.

use hyper::Method;

use super::guards::Deed;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    Live,
    Ready,
    Info,
    Secrets,
    Secret,
    Reveal,
    Status,
    Receipt,
    Requests,
    Request,
    Answer,
    SharePage,
    SecretPage,
    RequestPage,
    AskPage,
    ReceiptPage,
    ReceiptsPage,
    Asset,
    Face,
    Robots,
    OpenApi,
    Swagger,
    ApiPageFile,
    Redoc,
}

impl Route {
    /// Each of them.
    pub(super) const ALL: [Self; 25] = [
        Self::Health,
        Self::Live,
        Self::Ready,
        Self::Info,
        Self::Secrets,
        Self::Secret,
        Self::Reveal,
        Self::Status,
        Self::Receipt,
        Self::Requests,
        Self::Request,
        Self::Answer,
        Self::SharePage,
        Self::SecretPage,
        Self::RequestPage,
        Self::AskPage,
        Self::ReceiptPage,
        Self::ReceiptsPage,
        Self::Asset,
        Self::Face,
        Self::Robots,
        Self::OpenApi,
        Self::Swagger,
        Self::ApiPageFile,
        Self::Redoc,
    ];

    /// As the log and the metrics name what a path leads to.
    pub(super) fn name_of(route: Option<Self>) -> &'static str {
        route.map_or("none", Self::name)
    }

    /// Whether its path holds a secret's token.
    pub(super) fn has_token(self) -> bool {
        matches!(self, Self::Secret | Self::Reveal | Self::Status | Self::SecretPage)
    }

    /// Whether programs use it, also in a browser.
    pub(super) fn is_api(self) -> bool {
        matches!(
            self,
            Self::Health
                | Self::Info
                | Self::Secrets
                | Self::Secret
                | Self::Reveal
                | Self::Status
                | Self::Receipt
                | Self::Requests
                | Self::Request
                | Self::Answer
        )
    }

    /// What a request with this method would do.
    pub(super) fn deed(self, method: &Method) -> Deed {
        let reads = *method == Method::GET || *method == Method::HEAD;
        match self {
            Self::Health | Self::Live | Self::Ready => Deed::Health,
            Self::Secrets | Self::Requests | Self::SharePage if *method == Method::POST => Deed::Create,
            Self::Answer if *method == Method::POST => Deed::Answer,
            Self::Secret if *method == Method::GET => Deed::ReadByGet,
            Self::Reveal | Self::SecretPage if *method == Method::POST => Deed::Read,
            Self::Secret | Self::Receipt | Self::Request if *method == Method::DELETE => Deed::Burn,
            Self::ReceiptPage if *method == Method::POST => Deed::Burn,
            Self::Secret | Self::Status | Self::Receipt | Self::Request | Self::SecretPage | Self::ReceiptPage
                if reads =>
            {
                Deed::Probe
            }
            _ => Deed::Other,
        }
    }

    /// Whether people look at what it answers.
    pub(super) fn is_page(self) -> bool {
        matches!(
            self,
            Self::SharePage
                | Self::SecretPage
                | Self::ReceiptPage
                | Self::ReceiptsPage
                | Self::RequestPage
                | Self::AskPage
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Live => "livez",
            Self::Ready => "readyz",
            Self::Info => "info",
            Self::Secrets => "secrets",
            Self::Secret => "secret",
            Self::Reveal => "reveal",
            Self::Status => "status",
            Self::Receipt => "receipt",
            Self::Requests => "requests",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::SharePage => "share-page",
            Self::SecretPage => "secret-page",
            Self::RequestPage => "request-page",
            Self::AskPage => "ask-page",
            Self::ReceiptPage => "receipt-page",
            Self::ReceiptsPage => "receipts-page",
            Self::Asset => "asset",
            Self::Face => "face",
            Self::Robots => "robots",
            Self::OpenApi => "openapi",
            Self::Swagger => "docs",
            Self::ApiPageFile => "docs-file",
            Self::Redoc => "redoc",
        }
    }

    pub(super) fn allows(self) -> &'static str {
        match self {
            Self::Health
            | Self::Live
            | Self::Ready
            | Self::Info
            | Self::Status
            | Self::RequestPage
            | Self::AskPage
            | Self::ReceiptsPage
            | Self::Asset
            | Self::Face
            | Self::Robots
            | Self::OpenApi
            | Self::Swagger
            | Self::ApiPageFile
            | Self::Redoc => "GET, HEAD",
            Self::SharePage | Self::SecretPage | Self::ReceiptPage => "GET, HEAD, POST",
            Self::Secrets | Self::Reveal | Self::Requests | Self::Answer => "POST",
            Self::Secret | Self::Receipt | Self::Request => "GET, HEAD, DELETE",
        }
    }
}
