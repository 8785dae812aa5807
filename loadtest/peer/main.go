// A chat server on the centrifuge library (https://github.com/centrifugal/centrifuge), which the bench measures Tributary against.
//
//	LOAD_SECRET     of the HS256 tokens
//	REDIS_URL       the broker's Redis; without it the memory broker
//	WRITE_DELAY_MS  how long what goes to a connection is gathered for one write (none: not at all)
//	IDLE            1: settings for many connections that say little
//	DEFAULTS        1: the library and Go as they come, whatever the settings above say
//
// The first line it prints is its port on 127.0.0.1. The line `collect` on stdin makes it collect its garbage and print the bytes still in use. It ends
// when stdin closes, or on SIGTERM.
//
// A user is subscribed on the server side to the channels that `connect.subs` names, with recovery from the positions there. The RPC `send` publishes
// its whole data to the channel the data names, and to a second one where it names two, both at once; it is answered with the offset once the message
// is in the channels' histories.
//
// Where a choice was open it favours this server:
//   - There are no conversations, lists, unread counts and no archive: channels and their histories alone.
//   - Nobody is asked whether a user may join or write. Messages are not deduplicated, get no id, and are passed on as they came: not validated and
//     without their sender's name.
//   - Presence, joins and leaves, compression and debug logs are off; no ping falls into a measurement.
//   - Each row of the bench may set what suits it (WRITE_DELAY_MS, IDLE). Tried and left out, since they cost more or made no clear difference: batches by
//     channel, replies past the queue, a limit on messages in a frame, no write timeout.
//   - It may use every core, and gives memory for fewer garbage collections.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// Of a channel. Tributary keeps the newest 1,000 hot.
	historySize = 1024
	historyTTL  = 24 * time.Hour
	// The heap may grow to five times what lives: fewer collections.
	gcPercent = 400
	// Bytes that may wait for a slow client: none is cut at the bench's load.
	longestQueue = 64 << 20
	pingEvery    = time.Hour
)

// settings are the environment.
type settings struct {
	redisURL   string
	secret     []byte
	writeDelay time.Duration
	idle       bool
	defaults   bool
}

func readSettings() (settings, error) {
	delay, err := strconv.Atoi(cmp.Or(os.Getenv("WRITE_DELAY_MS"), "0"))
	if err != nil || delay < 0 {
		return settings{}, errors.New("WRITE_DELAY_MS must be a whole number of milliseconds")
	}
	secret := os.Getenv("LOAD_SECRET")
	if secret == "" {
		return settings{}, errors.New("LOAD_SECRET must be set: it is what tokens are signed with")
	}
	return settings{os.Getenv("REDIS_URL"), []byte(secret), time.Duration(delay) * time.Millisecond, os.Getenv("IDLE") == "1", os.Getenv("DEFAULTS") == "1"}, nil
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	set, err := readSettings()
	if err != nil {
		return err
	}
	if !set.defaults {
		debug.SetGCPercent(gcPercent)
	}
	node, err := newNode(set)
	if err != nil {
		return err
	}
	if err := node.Run(); err != nil {
		return fmt.Errorf("the node does not start: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", newHandler(node, set.idle))
	server := &http.Server{Handler: mux}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	go func() {
		defer cancel()
		obey()
	}()
	select {
	case <-stop.Done():
	case err := <-failed:
		return err
	}
	// Load generators don't answer a close: they are cut.
	ending, done := context.WithTimeout(context.Background(), time.Second)
	defer done()
	if err := errors.Join(server.Shutdown(ending), node.Shutdown(ending)); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// obey does what stdin says until it closes.
func obey() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "collect" {
			debug.FreeOSMemory()
			var used runtime.MemStats
			runtime.ReadMemStats(&used)
			fmt.Println(used.HeapAlloc + used.StackInuse)
		}
	}
}

func newHandler(node *centrifuge.Node, idle bool) http.Handler {
	config := centrifuge.WebsocketConfig{
		UseWriteBufferPool: true,
		WriteTimeout:       30 * time.Second,
		PingPongConfig:     centrifuge.PingPongConfig{PingInterval: pingEvery, PongTimeout: time.Minute},
	}
	if idle {
		config.ReadBufferSize = 512
		config.ProcessCommandsOffReadLoop = true
	}
	return centrifuge.NewWebsocketHandler(node, config)
}

func newNode(set settings) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{
		LogLevel:           centrifuge.LogLevelWarn,
		LogHandler:         func(entry centrifuge.LogEntry) { log.Println(entry.Message, entry.Fields, entry.Error) },
		ClientQueueMaxSize: longestQueue,
	})
	if err != nil {
		return nil, err
	}
	if set.redisURL != "" {
		shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: set.redisURL})
		if err != nil {
			return nil, fmt.Errorf("no Redis at %s: %w", set.redisURL, err)
		}
		broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
		if err != nil {
			return nil, err
		}
		node.SetBroker(broker)
	}
	node.OnConnecting(func(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return welcome(event, set)
	})
	node.OnConnect(func(client *centrifuge.Client) {
		// Called in the connection's read loop: one connection's messages keep their order, and those of others go on beside it.
		client.OnRPC(func(event centrifuge.RPCEvent, reply centrifuge.RPCCallback) {
			reply(send(node, event))
		})
	})
	return node, nil
}

// welcome lets the bearer of a good token in.
func welcome(event centrifuge.ConnectEvent, set settings) (centrifuge.ConnectReply, error) {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(event.Token, &claims, func(*jwt.Token) (any, error) { return set.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil || claims.Subject == "" {
		return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
	}
	subscriptions := make(map[string]centrifuge.SubscribeOptions, len(event.Channels))
	for _, channel := range event.Channels {
		subscriptions[channel] = centrifuge.SubscribeOptions{EnablePositioning: true, EnableRecovery: true}
	}
	reply := centrifuge.ConnectReply{
		Credentials:   &centrifuge.Credentials{UserID: claims.Subject},
		Subscriptions: subscriptions,
	}
	if !set.defaults {
		reply.WriteDelay = set.writeDelay
		reply.WriteWithTimer = true
		reply.MaxMessagesInFrame = -1
	}
	return reply, nil
}

type draft struct {
	Channel string `json:"channel"`
	Also    string `json:"also"`
}

// send publishes a message, to a second channel too where the draft names one, and answers with its offset in the first.
func send(node *centrifuge.Node, event centrifuge.RPCEvent) (centrifuge.RPCReply, error) {
	var to draft
	if event.Method != "send" {
		return centrifuge.RPCReply{}, centrifuge.ErrorMethodNotFound
	}
	if err := json.Unmarshal(event.Data, &to); err != nil || to.Channel == "" {
		return centrifuge.RPCReply{}, centrifuge.ErrorBadRequest
	}
	second := make(chan error, 1)
	if to.Also == "" {
		second <- nil
	} else {
		go func() {
			_, err := node.Publish(to.Also, event.Data, centrifuge.WithHistory(historySize, historyTTL))
			second <- err
		}()
	}
	result, err := node.Publish(to.Channel, event.Data, centrifuge.WithHistory(historySize, historyTTL))
	if err := errors.Join(err, <-second); err != nil {
		return centrifuge.RPCReply{}, err
	}
	return centrifuge.RPCReply{Data: fmt.Appendf(nil, `{"offset":%d}`, result.Offset)}, nil
}
