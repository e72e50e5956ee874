// @generated from proto/sdk.proto by protox 0.10 (compile) and tonic-prost-build 0.14 (`compile_fds`, client and
// server, `btree_map(".")`). Committed, so that a build needs neither protoc nor a build script. Do not edit.
/// Nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Empty {}
/// A label or an annotation.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct KeyValue {
    #[prost(string, tag = "1")]
    pub key: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub value: ::prost::alloc::string::String,
}
/// A length of time in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Duration {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
}
/// A game server, seen from inside.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GameServer {
    #[prost(message, optional, tag = "1")]
    pub object_meta: ::core::option::Option<game_server::ObjectMeta>,
    #[prost(message, optional, tag = "2")]
    pub spec: ::core::option::Option<game_server::Spec>,
    #[prost(message, optional, tag = "3")]
    pub status: ::core::option::Option<game_server::Status>,
}
/// Nested message and enum types in `GameServer`.
pub mod game_server {
    /// Who it is. Timestamps are seconds since the Unix epoch.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct ObjectMeta {
        #[prost(string, tag = "1")]
        pub name: ::prost::alloc::string::String,
        #[prost(string, tag = "2")]
        pub namespace: ::prost::alloc::string::String,
        #[prost(string, tag = "3")]
        pub uid: ::prost::alloc::string::String,
        #[prost(string, tag = "4")]
        pub resource_version: ::prost::alloc::string::String,
        #[prost(int64, tag = "5")]
        pub generation: i64,
        #[prost(int64, tag = "6")]
        pub creation_timestamp: i64,
        /// Zero while it is not being deleted.
        #[prost(int64, tag = "7")]
        pub deletion_timestamp: i64,
        #[prost(btree_map = "string, string", tag = "8")]
        pub annotations: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            ::prost::alloc::string::String,
        >,
        #[prost(btree_map = "string, string", tag = "9")]
        pub labels: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            ::prost::alloc::string::String,
        >,
    }
    /// What was asked of it.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
    pub struct Spec {
        #[prost(message, optional, tag = "1")]
        pub health: ::core::option::Option<spec::Health>,
    }
    /// Nested message and enum types in `Spec`.
    pub mod spec {
        /// How signs of life are judged.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct Health {
            #[prost(bool, tag = "1")]
            pub disabled: bool,
            #[prost(int32, tag = "2")]
            pub period_seconds: i32,
            #[prost(int32, tag = "3")]
            pub failure_threshold: i32,
            #[prost(int32, tag = "4")]
            pub initial_delay_seconds: i32,
        }
    }
    /// How it is.
    #[derive(Clone, PartialEq, ::prost::Message)]
    pub struct Status {
        #[prost(string, tag = "1")]
        pub state: ::prost::alloc::string::String,
        #[prost(string, tag = "2")]
        pub address: ::prost::alloc::string::String,
        #[prost(message, repeated, tag = "3")]
        pub ports: ::prost::alloc::vec::Vec<status::Port>,
        #[prost(message, optional, tag = "4")]
        pub players: ::core::option::Option<status::PlayerStatus>,
        #[prost(btree_map = "string, message", tag = "5")]
        pub counters: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            status::CounterStatus,
        >,
        #[prost(btree_map = "string, message", tag = "6")]
        pub lists: ::prost::alloc::collections::BTreeMap<
            ::prost::alloc::string::String,
            status::ListStatus,
        >,
        #[prost(message, repeated, tag = "7")]
        pub addresses: ::prost::alloc::vec::Vec<status::Address>,
    }
    /// Nested message and enum types in `Status`.
    pub mod status {
        /// One way to reach the host.
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct Address {
            #[prost(string, tag = "1")]
            pub r#type: ::prost::alloc::string::String,
            #[prost(string, tag = "2")]
            pub address: ::prost::alloc::string::String,
        }
        /// A port that players connect to.
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct Port {
            #[prost(string, tag = "1")]
            pub name: ::prost::alloc::string::String,
            #[prost(int32, tag = "2")]
            pub port: i32,
        }
        /// Players, for the alpha service of the same name.
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct PlayerStatus {
            #[prost(int64, tag = "1")]
            pub count: i64,
            #[prost(int64, tag = "2")]
            pub capacity: i64,
            #[prost(string, repeated, tag = "3")]
            pub ids: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
        }
        /// A number with an upper bound.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct CounterStatus {
            #[prost(int64, tag = "1")]
            pub count: i64,
            #[prost(int64, tag = "2")]
            pub capacity: i64,
        }
        /// A set of strings with an upper bound on their number.
        #[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
        pub struct ListStatus {
            #[prost(int64, tag = "1")]
            pub capacity: i64,
            #[prost(string, repeated, tag = "2")]
            pub values: ::prost::alloc::vec::Vec<::prost::alloc::string::String>,
        }
    }
}
/// Generated client implementations.
pub mod sdk_client {
    #![allow(
        unused_variables,
        dead_code,
        missing_docs,
        clippy::wildcard_imports,
        clippy::let_unit_value,
    )]
    use tonic::codegen::*;
    use tonic::codegen::http::Uri;
    /// What a game server says about itself, and what it may ask.
    #[derive(Debug, Clone)]
    pub struct SdkClient<T> {
        inner: tonic::client::Grpc<T>,
    }
    impl SdkClient<tonic::transport::Channel> {
        /// Attempt to create a new client by connecting to a given endpoint.
        pub async fn connect<D>(dst: D) -> Result<Self, tonic::transport::Error>
        where
            D: TryInto<tonic::transport::Endpoint>,
            D::Error: Into<StdError>,
        {
            let conn = tonic::transport::Endpoint::new(dst)?.connect().await?;
            Ok(Self::new(conn))
        }
    }
    impl<T> SdkClient<T>
    where
        T: tonic::client::GrpcService<tonic::body::Body>,
        T::Error: Into<StdError>,
        T::ResponseBody: Body<Data = Bytes> + std::marker::Send + 'static,
        <T::ResponseBody as Body>::Error: Into<StdError> + std::marker::Send,
    {
        pub fn new(inner: T) -> Self {
            let inner = tonic::client::Grpc::new(inner);
            Self { inner }
        }
        pub fn with_origin(inner: T, origin: Uri) -> Self {
            let inner = tonic::client::Grpc::with_origin(inner, origin);
            Self { inner }
        }
        pub fn with_interceptor<F>(
            inner: T,
            interceptor: F,
        ) -> SdkClient<InterceptedService<T, F>>
        where
            F: tonic::service::Interceptor,
            T::ResponseBody: Default,
            T: tonic::codegen::Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<
                    <T as tonic::client::GrpcService<tonic::body::Body>>::ResponseBody,
                >,
            >,
            <T as tonic::codegen::Service<
                http::Request<tonic::body::Body>,
            >>::Error: Into<StdError> + std::marker::Send + std::marker::Sync,
        {
            SdkClient::new(InterceptedService::new(inner, interceptor))
        }
        /// Compress requests with the given encoding.
        ///
        /// This requires the server to support it otherwise it might respond with an
        /// error.
        #[must_use]
        pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.inner = self.inner.send_compressed(encoding);
            self
        }
        /// Enable decompressing responses.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.inner = self.inner.accept_compressed(encoding);
            self
        }
        /// Limits the maximum size of a decoded message.
        ///
        /// Default: `4MB`
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.inner = self.inner.max_decoding_message_size(limit);
            self
        }
        /// Limits the maximum size of an encoded message.
        ///
        /// Default: `usize::MAX`
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.inner = self.inner.max_encoding_message_size(limit);
            self
        }
        /// The game server can take a match.
        pub async fn ready(
            &mut self,
            request: impl tonic::IntoRequest<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static("/agones.dev.sdk.SDK/Ready");
            let mut req = request.into_request();
            req.extensions_mut().insert(GrpcMethod::new("agones.dev.sdk.SDK", "Ready"));
            self.inner.unary(req, path, codec).await
        }
        /// The game server takes itself out of the pool for a match.
        pub async fn allocate(
            &mut self,
            request: impl tonic::IntoRequest<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/Allocate",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "Allocate"));
            self.inner.unary(req, path, codec).await
        }
        /// The game server is done and wants to be ended.
        pub async fn shutdown(
            &mut self,
            request: impl tonic::IntoRequest<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/Shutdown",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "Shutdown"));
            self.inner.unary(req, path, codec).await
        }
        /// Every message is one sign of life; the answer comes after the caller's last message.
        pub async fn health(
            &mut self,
            request: impl tonic::IntoStreamingRequest<Message = super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/Health",
            );
            let mut req = request.into_streaming_request();
            req.extensions_mut().insert(GrpcMethod::new("agones.dev.sdk.SDK", "Health"));
            self.inner.client_streaming(req, path, codec).await
        }
        /// The game server as it is now.
        pub async fn get_game_server(
            &mut self,
            request: impl tonic::IntoRequest<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::GameServer>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/GetGameServer",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "GetGameServer"));
            self.inner.unary(req, path, codec).await
        }
        /// The game server as it is now, and again after each change.
        pub async fn watch_game_server(
            &mut self,
            request: impl tonic::IntoRequest<super::Empty>,
        ) -> std::result::Result<
            tonic::Response<tonic::codec::Streaming<super::GameServer>>,
            tonic::Status,
        > {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/WatchGameServer",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "WatchGameServer"));
            self.inner.server_streaming(req, path, codec).await
        }
        /// Sets the label `agones.dev/sdk-<key>`.
        pub async fn set_label(
            &mut self,
            request: impl tonic::IntoRequest<super::KeyValue>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/SetLabel",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "SetLabel"));
            self.inner.unary(req, path, codec).await
        }
        /// Sets the annotation `agones.dev/sdk-<key>`.
        pub async fn set_annotation(
            &mut self,
            request: impl tonic::IntoRequest<super::KeyValue>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/SetAnnotation",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "SetAnnotation"));
            self.inner.unary(req, path, codec).await
        }
        /// Not to be allocated for so long; then Ready again. Zero seconds means without end.
        pub async fn reserve(
            &mut self,
            request: impl tonic::IntoRequest<super::Duration>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status> {
            self.inner
                .ready()
                .await
                .map_err(|e| {
                    tonic::Status::unknown(
                        format!("Service was not ready: {}", e.into()),
                    )
                })?;
            let codec = tonic_prost::ProstCodec::default();
            let path = http::uri::PathAndQuery::from_static(
                "/agones.dev.sdk.SDK/Reserve",
            );
            let mut req = request.into_request();
            req.extensions_mut()
                .insert(GrpcMethod::new("agones.dev.sdk.SDK", "Reserve"));
            self.inner.unary(req, path, codec).await
        }
    }
}
/// Generated server implementations.
pub mod sdk_server {
    #![allow(
        unused_variables,
        dead_code,
        missing_docs,
        clippy::wildcard_imports,
        clippy::let_unit_value,
    )]
    use tonic::codegen::*;
    /// Generated trait containing gRPC methods that should be implemented for use with SdkServer.
    #[async_trait]
    pub trait Sdk: std::marker::Send + std::marker::Sync + 'static {
        /// The game server can take a match.
        async fn ready(
            &self,
            request: tonic::Request<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// The game server takes itself out of the pool for a match.
        async fn allocate(
            &self,
            request: tonic::Request<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// The game server is done and wants to be ended.
        async fn shutdown(
            &self,
            request: tonic::Request<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// Every message is one sign of life; the answer comes after the caller's last message.
        async fn health(
            &self,
            request: tonic::Request<tonic::Streaming<super::Empty>>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// The game server as it is now.
        async fn get_game_server(
            &self,
            request: tonic::Request<super::Empty>,
        ) -> std::result::Result<tonic::Response<super::GameServer>, tonic::Status>;
        /// Server streaming response type for the WatchGameServer method.
        type WatchGameServerStream: tonic::codegen::tokio_stream::Stream<
                Item = std::result::Result<super::GameServer, tonic::Status>,
            >
            + std::marker::Send
            + 'static;
        /// The game server as it is now, and again after each change.
        async fn watch_game_server(
            &self,
            request: tonic::Request<super::Empty>,
        ) -> std::result::Result<
            tonic::Response<Self::WatchGameServerStream>,
            tonic::Status,
        >;
        /// Sets the label `agones.dev/sdk-<key>`.
        async fn set_label(
            &self,
            request: tonic::Request<super::KeyValue>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// Sets the annotation `agones.dev/sdk-<key>`.
        async fn set_annotation(
            &self,
            request: tonic::Request<super::KeyValue>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
        /// Not to be allocated for so long; then Ready again. Zero seconds means without end.
        async fn reserve(
            &self,
            request: tonic::Request<super::Duration>,
        ) -> std::result::Result<tonic::Response<super::Empty>, tonic::Status>;
    }
    /// What a game server says about itself, and what it may ask.
    #[derive(Debug)]
    pub struct SdkServer<T> {
        inner: Arc<T>,
        accept_compression_encodings: EnabledCompressionEncodings,
        send_compression_encodings: EnabledCompressionEncodings,
        max_decoding_message_size: Option<usize>,
        max_encoding_message_size: Option<usize>,
    }
    impl<T> SdkServer<T> {
        pub fn new(inner: T) -> Self {
            Self::from_arc(Arc::new(inner))
        }
        pub fn from_arc(inner: Arc<T>) -> Self {
            Self {
                inner,
                accept_compression_encodings: Default::default(),
                send_compression_encodings: Default::default(),
                max_decoding_message_size: None,
                max_encoding_message_size: None,
            }
        }
        pub fn with_interceptor<F>(
            inner: T,
            interceptor: F,
        ) -> InterceptedService<Self, F>
        where
            F: tonic::service::Interceptor,
        {
            InterceptedService::new(Self::new(inner), interceptor)
        }
        /// Enable decompressing requests with the given encoding.
        #[must_use]
        pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.accept_compression_encodings.enable(encoding);
            self
        }
        /// Compress responses with the given encoding, if the client supports it.
        #[must_use]
        pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
            self.send_compression_encodings.enable(encoding);
            self
        }
        /// Limits the maximum size of a decoded message.
        ///
        /// Default: `4MB`
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.max_decoding_message_size = Some(limit);
            self
        }
        /// Limits the maximum size of an encoded message.
        ///
        /// Default: `usize::MAX`
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.max_encoding_message_size = Some(limit);
            self
        }
    }
    impl<T, B> tonic::codegen::Service<http::Request<B>> for SdkServer<T>
    where
        T: Sdk,
        B: Body + std::marker::Send + 'static,
        B::Error: Into<StdError> + std::marker::Send + 'static,
    {
        type Response = http::Response<tonic::body::Body>;
        type Error = std::convert::Infallible;
        type Future = BoxFuture<Self::Response, Self::Error>;
        fn poll_ready(
            &mut self,
            _cx: &mut Context<'_>,
        ) -> Poll<std::result::Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, req: http::Request<B>) -> Self::Future {
            match req.uri().path() {
                "/agones.dev.sdk.SDK/Ready" => {
                    #[allow(non_camel_case_types)]
                    struct ReadySvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::Empty>
                    for ReadySvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Empty>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::ready(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = ReadySvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/Allocate" => {
                    #[allow(non_camel_case_types)]
                    struct AllocateSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::Empty>
                    for AllocateSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Empty>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::allocate(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = AllocateSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/Shutdown" => {
                    #[allow(non_camel_case_types)]
                    struct ShutdownSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::Empty>
                    for ShutdownSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Empty>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::shutdown(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = ShutdownSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/Health" => {
                    #[allow(non_camel_case_types)]
                    struct HealthSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::ClientStreamingService<super::Empty>
                    for HealthSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<tonic::Streaming<super::Empty>>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::health(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = HealthSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.client_streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/GetGameServer" => {
                    #[allow(non_camel_case_types)]
                    struct GetGameServerSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::Empty>
                    for GetGameServerSvc<T> {
                        type Response = super::GameServer;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Empty>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::get_game_server(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = GetGameServerSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/WatchGameServer" => {
                    #[allow(non_camel_case_types)]
                    struct WatchGameServerSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::ServerStreamingService<super::Empty>
                    for WatchGameServerSvc<T> {
                        type Response = super::GameServer;
                        type ResponseStream = T::WatchGameServerStream;
                        type Future = BoxFuture<
                            tonic::Response<Self::ResponseStream>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Empty>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::watch_game_server(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = WatchGameServerSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.server_streaming(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/SetLabel" => {
                    #[allow(non_camel_case_types)]
                    struct SetLabelSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::KeyValue>
                    for SetLabelSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::KeyValue>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::set_label(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = SetLabelSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/SetAnnotation" => {
                    #[allow(non_camel_case_types)]
                    struct SetAnnotationSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::KeyValue>
                    for SetAnnotationSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::KeyValue>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::set_annotation(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = SetAnnotationSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                "/agones.dev.sdk.SDK/Reserve" => {
                    #[allow(non_camel_case_types)]
                    struct ReserveSvc<T: Sdk>(pub Arc<T>);
                    impl<T: Sdk> tonic::server::UnaryService<super::Duration>
                    for ReserveSvc<T> {
                        type Response = super::Empty;
                        type Future = BoxFuture<
                            tonic::Response<Self::Response>,
                            tonic::Status,
                        >;
                        fn call(
                            &mut self,
                            request: tonic::Request<super::Duration>,
                        ) -> Self::Future {
                            let inner = Arc::clone(&self.0);
                            let fut = async move {
                                <T as Sdk>::reserve(&inner, request).await
                            };
                            Box::pin(fut)
                        }
                    }
                    let accept_compression_encodings = self.accept_compression_encodings;
                    let send_compression_encodings = self.send_compression_encodings;
                    let max_decoding_message_size = self.max_decoding_message_size;
                    let max_encoding_message_size = self.max_encoding_message_size;
                    let inner = self.inner.clone();
                    let fut = async move {
                        let method = ReserveSvc(inner);
                        let codec = tonic_prost::ProstCodec::default();
                        let mut grpc = tonic::server::Grpc::new(codec)
                            .apply_compression_config(
                                accept_compression_encodings,
                                send_compression_encodings,
                            )
                            .apply_max_message_size_config(
                                max_decoding_message_size,
                                max_encoding_message_size,
                            );
                        let res = grpc.unary(method, req).await;
                        Ok(res)
                    };
                    Box::pin(fut)
                }
                _ => {
                    Box::pin(async move {
                        let mut response = http::Response::new(
                            tonic::body::Body::default(),
                        );
                        let headers = response.headers_mut();
                        headers
                            .insert(
                                tonic::Status::GRPC_STATUS,
                                (tonic::Code::Unimplemented as i32).into(),
                            );
                        headers
                            .insert(
                                http::header::CONTENT_TYPE,
                                tonic::metadata::GRPC_CONTENT_TYPE,
                            );
                        Ok(response)
                    })
                }
            }
        }
    }
    impl<T> Clone for SdkServer<T> {
        fn clone(&self) -> Self {
            let inner = self.inner.clone();
            Self {
                inner,
                accept_compression_encodings: self.accept_compression_encodings,
                send_compression_encodings: self.send_compression_encodings,
                max_decoding_message_size: self.max_decoding_message_size,
                max_encoding_message_size: self.max_encoding_message_size,
            }
        }
    }
    /// Generated gRPC service name
    pub const SERVICE_NAME: &str = "agones.dev.sdk.SDK";
    impl<T> tonic::server::NamedService for SdkServer<T> {
        const NAME: &'static str = SERVICE_NAME;
    }
}
