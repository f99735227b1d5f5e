// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load // import "github.com/ociapm/otelcol-ociapm/test/load"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// spansPerTrace is the number of spans in a trace.
const spansPerTrace = 10

// Marks are placeholders in encoded requests for values that are new in each sending:
// trace and span ids, and literals in statements. They have the length of the values
// that replace them.
var (
	traceMark   = pcommon.TraceID([]byte("\xfe\xfetrace-mark-\xfe\xfe\xfe"))
	spanMark    = pcommon.SpanID([]byte("\xfdspmark\xfd"))
	literalMark = "@@@@@@@@@@"
)

// request is one encoded OTLP export request. Send it from one goroutine only.
type request struct {
	body     []byte
	spans    int
	traces   []int // positions of marks in body
	ids      []int
	literals []int
}

// renew gives the request new trace ids, span ids and literals, so that no two sendings
// are alike.
func (r *request) renew(random *rand.PCG) {
	for i, at := range r.traces {
		// Spans of one trace follow each other.
		if i%spansPerTrace != 0 {
			copy(r.body[at:], r.body[r.traces[i-1]:r.traces[i-1]+len(traceMark)])
			continue
		}
		binary.LittleEndian.PutUint64(r.body[at:], random.Uint64())
		binary.LittleEndian.PutUint64(r.body[at+8:], random.Uint64())
	}
	for _, at := range r.ids {
		binary.LittleEndian.PutUint64(r.body[at:], random.Uint64())
	}
	for _, at := range r.literals {
		const digits = 1_000_000_000
		// Ten digits, the first of which is not 0.
		strconv.AppendUint(r.body[at:at], digits+random.Uint64()%(9*digits), 10)
	}
}

// newRequest creates a request with n spans. Each trace has the SERVER span of a web
// page, spans inside the app, calls of other services, and five database calls, a
// quarter of which have literals in their text.
func newRequest(n int, seed uint64) (*request, error) {
	random := rand.New(rand.NewPCG(seed, 1))
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	put(rs.Resource().Attributes(), map[string]any{
		"service.name": fmt.Sprintf("shop-%d", seed%8), "service.version": "2.14.1", "service.instance.id": "b2f6d1c0-8f5e-4a57-9f0e-3f6c0a1d9e55",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "java", "telemetry.sdk.version": "1.49.0",
		"process.pid": 4711, "process.runtime.name": "OpenJDK Runtime Environment", "process.runtime.version": "21.0.4+7-LTS",
		"host.arch": "amd64", "os.type": "linux", "deployment.environment.name": "production",
	})
	scopes := map[string]ptrace.SpanSlice{}
	for i := range n {
		name, fill := spanKinds[i%spansPerTrace].scope, spanKinds[i%spansPerTrace].fill
		spans, ok := scopes[name]
		if !ok {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(name)
			ss.Scope().SetVersion("2.14.0-alpha")
			spans = ss.Spans()
			scopes[name] = spans
		}
		span := spans.AppendEmpty()
		span.SetTraceID(traceMark)
		span.SetSpanID(spanMark)
		span.SetParentSpanID(spanMark)
		start := 1_795_384_800_000_000_000 + random.Uint64N(1_000_000_000)
		span.SetStartTimestamp(pcommon.Timestamp(start))
		span.SetEndTimestamp(pcommon.Timestamp(start + random.Uint64N(40_000_000)))
		fill(span, random)
		put(span.Attributes(), map[string]any{"thread.id": random.IntN(200), "thread.name": fmt.Sprintf("http-nio-8080-exec-%d", random.IntN(64))})
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return nil, err
	}
	r := &request{
		body: body, spans: n,
		traces: indexAll(body, traceMark[:]), ids: indexAll(body, spanMark[:]), literals: indexAll(body, []byte(literalMark)),
	}
	if len(r.traces) != n || len(r.ids) != 2*n {
		return nil, fmt.Errorf("marks of %d traces and %d ids were found in a request of %d spans", len(r.traces), len(r.ids), n)
	}
	return r, nil
}

// indexAll returns the positions of all instances of mark.
func indexAll(body, mark []byte) []int {
	var found []int
	for at := 0; ; at += len(mark) {
		i := bytes.Index(body[at:], mark)
		if i < 0 {
			return found
		}
		at += i
		found = append(found, at)
	}
}

// put adds attributes in the order of their names.
func put(to pcommon.Map, attributes map[string]any) {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	to.EnsureCapacity(to.Len() + len(names))
	for _, name := range names {
		switch value := attributes[name].(type) {
		case string:
			to.PutStr(name, value)
		case int:
			to.PutInt(name, int64(value))
		case bool:
			to.PutBool(name, value)
		}
	}
}

// spanKinds are the ten spans of a trace.
var spanKinds = [spansPerTrace]struct {
	scope string
	fill  func(ptrace.Span, *rand.Rand)
}{
	{"io.opentelemetry.tomcat-10.0", fillServer},
	{"io.opentelemetry.jdbc", fillDatabase},
	{"io.opentelemetry.spring-webmvc-6.0", fillInternal},
	{"io.opentelemetry.jdbc", fillDatabase},
	{"io.opentelemetry.jdbc", fillDatabase},
	{"io.opentelemetry.apache-httpclient-5.2", fillClient},
	{"io.opentelemetry.lettuce-5.1", fillRedis},
	{"io.opentelemetry.spring-data-1.8", fillInternal},
	{"io.opentelemetry.jdbc", fillDatabase},
	{"io.opentelemetry.spring-data-1.8", fillInternal},
}

func fillServer(span ptrace.Span, random *rand.Rand) {
	route := routes[random.IntN(len(routes))]
	span.SetName("GET " + route)
	span.SetKind(ptrace.SpanKindServer)
	put(span.Attributes(), map[string]any{
		"http.request.method": "GET", "http.route": route, "url.scheme": "https", "url.path": strings.ReplaceAll(route, "{id}", strconv.Itoa(random.IntN(100_000))),
		"http.response.status_code": 200, "server.address": "shop.example.test", "server.port": 443, "network.protocol.version": "1.1",
		"client.address": fmt.Sprintf("203.0.113.%d", random.IntN(256)), "network.peer.address": "192.0.2.17", "network.peer.port": 30_000 + random.IntN(30_000),
		"user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
	})
}

func fillClient(span ptrace.Span, random *rand.Rand) {
	span.SetName("POST")
	span.SetKind(ptrace.SpanKindClient)
	put(span.Attributes(), map[string]any{
		"http.request.method": "POST", "url.full": fmt.Sprintf("https://payments.example.test/v2/charges/%d", random.IntN(1_000_000)),
		"http.response.status_code": 201, "server.address": "payments.example.test", "server.port": 443, "network.protocol.version": "2",
		"network.peer.address": "192.0.2.80", "network.peer.port": 443, "http.request.body.size": random.IntN(4000),
	})
}

func fillInternal(span ptrace.Span, random *rand.Rand) {
	class := classes[random.IntN(len(classes))]
	span.SetName(class + ".find")
	span.SetKind(ptrace.SpanKindInternal)
	put(span.Attributes(), map[string]any{
		"code.namespace": "com.example.shop.catalog." + class, "code.function.name": "com.example.shop.catalog." + class + ".find", "code.line.number": random.IntN(900),
		"app.tenant": fmt.Sprintf("tenant-%d", random.IntN(40)), "app.feature": "catalog-v2", "app.user.segment": "returning", "app.cache.hit": random.IntN(2) == 0,
		"app.items": random.IntN(500),
	})
}

func fillRedis(span ptrace.Span, random *rand.Rand) {
	span.SetName("GET")
	span.SetKind(ptrace.SpanKindClient)
	put(span.Attributes(), map[string]any{
		"db.system": "redis", "db.operation": "GET", "db.statement": sometimesLiteral(random, "GET session:?"),
		"server.address": "cache.example.test", "server.port": 6379, "network.peer.address": "192.0.2.40", "network.peer.port": 6379, "network.type": "ipv4",
	})
}

func fillDatabase(span ptrace.Span, random *rand.Rand) {
	db := databases[random.IntN(len(databases))]
	text := sometimesLiteral(random, statements[random.IntN(len(statements))])
	verb, _, _ := strings.Cut(text, " ")
	span.SetName(verb + " " + db.name)
	span.SetKind(ptrace.SpanKindClient)
	if db.stable {
		put(span.Attributes(), map[string]any{
			"db.system.name": db.system, "db.namespace": db.name, "db.query.text": text, "server.address": db.host, "server.port": db.port,
			"network.peer.address": "192.0.2.50", "network.peer.port": db.port, "network.type": "ipv4",
		})
		return
	}
	put(span.Attributes(), map[string]any{
		"db.system": db.system, "db.name": db.name, "db.statement": text, "db.user": "shop", "net.peer.name": db.host, "net.peer.port": db.port,
		"db.connection_string": fmt.Sprintf("%s://%s:%d", db.system, db.host, db.port), "net.sock.peer.addr": "192.0.2.50",
	})
}

// sometimesLiteral replaces the bind variables of every fourth text by literals, which
// renew replaces by new numbers.
func sometimesLiteral(random *rand.Rand, text string) string {
	if random.IntN(4) == 0 {
		return strings.ReplaceAll(text, "?", literalMark)
	}
	return text
}

var databases = []struct {
	system, name, host string
	port               int
	stable             bool // the generation of attribute names
}{
	{"oracle", "SHOPPDB", "adb.eu-frankfurt-1.example.test", 1522, false},
	{"oracle.db", "SHOPPDB", "adb.eu-frankfurt-1.example.test", 1522, true},
	{"postgresql", "catalog", "pg.example.test", 5432, false},
	{"postgresql", "catalog", "pg.example.test", 5432, true},
	{"mysql", "reviews", "mysql.example.test", 3306, false},
	{"microsoft.sql_server", "billing", "mssql.example.test", 1433, true},
}

var routes = []string{
	"/", "/rooms", "/rooms/{id}", "/rooms/{id}/reviews", "/bookings", "/bookings/{id}", "/login", "/account", "/account/{id}/invoices", "/search", "/health", "/cart/{id}",
}

var classes = []string{"RoomRepository", "BookingService", "InvoiceService", "SearchController", "ReviewRepository", "CustomerService", "PriceEngine", "CartService"}

// statements are texts of the lengths that apps send, with bind variables.
var statements = []string{
	"SELECT id, name, price FROM rooms WHERE id = ?",
	"SELECT * FROM customers WHERE email = ?",
	"UPDATE sessions SET last_seen = ? WHERE id = ?",
	"INSERT INTO events (id, kind, payload, created_at) VALUES (?, ?, ?, ?)",
	"DELETE FROM carts WHERE customer_id = ? AND created_at < ?",
	"SELECT b.id, b.checkin, b.checkout, r.name FROM bookings b JOIN rooms r ON r.id = b.room_id WHERE b.customer_id = ? ORDER BY b.checkin DESC",
	"SELECT COUNT(*) FROM reviews WHERE room_id = ? AND stars >= ?",
	"SELECT r.id, r.name, r.price, h.name AS hotel, h.city, COUNT(b.id) AS bookings FROM rooms r JOIN hotels h ON h.id = r.hotel_id LEFT JOIN bookings b ON b.room_id = r.id AND b.checkout > ? AND b.checkin < ? WHERE h.city = ? AND r.price BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM closures c WHERE c.hotel_id = h.id AND c.day BETWEEN ? AND ?) GROUP BY r.id, r.name, r.price, h.name, h.city ORDER BY r.price FETCH FIRST 20 ROWS ONLY",
	"UPDATE inventory SET stock = stock - ? WHERE sku = ? AND warehouse_id = ? AND stock >= ?",
	"SELECT i.number, i.total, i.due, SUM(p.amount) AS paid FROM invoices i LEFT JOIN payments p ON p.invoice_id = i.id WHERE i.customer_id = ? AND i.due < ? GROUP BY i.number, i.total, i.due HAVING SUM(p.amount) < i.total",
	"INSERT INTO bookings (id, room_id, customer_id, checkin, checkout, price) VALUES (?, ?, ?, ?, ?, ?)",
	"SELECT name FROM countries ORDER BY name",
	"WITH recent AS (SELECT room_id, AVG(stars) AS stars FROM reviews WHERE created_at > ? GROUP BY room_id) SELECT r.id, r.name, recent.stars FROM rooms r JOIN recent ON recent.room_id = r.id WHERE recent.stars > ? ORDER BY recent.stars DESC",
	"SELECT id FROM rooms WHERE id IN (?, ?, ?, ?, ?, ?, ?, ?)",
	"MERGE INTO prices p USING (SELECT ? AS room_id, ? AS price FROM dual) s ON (p.room_id = s.room_id) WHEN MATCHED THEN UPDATE SET p.price = s.price WHEN NOT MATCHED THEN INSERT (room_id, price) VALUES (s.room_id, s.price)",
	"SELECT u.id, u.name, u.email, a.street, a.zip, a.city FROM users u JOIN addresses a ON a.user_id = u.id AND a.kind = ? WHERE u.id = ?",
}
