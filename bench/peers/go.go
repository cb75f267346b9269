// Go's channels under the workloads of channel.c and tickets.c. Go has no unbounded channel: where one
// is asked for, the capacity is the number of messages, so that no send ever waits. Its messages must be
// smaller than 64 KiB.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

func number(i, otherwise int) int {
	if i >= len(os.Args) {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[i])
	if err != nil {
		panic(err)
	}
	return n
}

func report(began time.Time, messages, bytes int) {
	fmt.Printf("%.9f %d %d\n", time.Since(began).Seconds(), messages, bytes)
}

func residentBytes() int {
	rollup, _ := os.ReadFile("/proc/self/smaps_rollup")
	_, after, _ := strings.Cut(string(rollup), "Anonymous:")
	kilobytes, _ := strconv.Atoi(strings.Fields(after)[0])
	return kilobytes * 1024
}

type message interface {
	[1]uint64 | [8]uint64 | [64]uint64 | [512]uint64 | [4096]uint64
}

func sending[M message](messages, threads, capacity int, set func(*M, uint64), get func(*M) uint64) {
	if capacity == 0 {
		capacity = messages
	}
	ch := make(chan M, capacity)
	start := make(chan struct{})
	var senders sync.WaitGroup
	for t := 0; t < threads; t++ {
		senders.Add(1)
		go func() {
			var m M
			<-start
			for i := 0; i < messages/threads; i++ {
				set(&m, uint64(i))
				ch <- m
			}
			senders.Done()
		}()
	}
	go func() { senders.Wait(); close(ch) }()
	began := time.Now()
	close(start)
	received, sum := 0, uint64(0)
	for m := range ch {
		received++
		sum += get(&m)
	}
	report(began, received, 0)
	each := uint64(messages / threads)
	if sum != uint64(threads)*(each*(each-1)/2) {
		panic("what arrived is not what was sent")
	}
}

func pingpong(messages int) {
	there, back := make(chan uint64, 16), make(chan uint64, 16)
	go func() {
		for m := range there {
			back <- m
		}
	}()
	began := time.Now()
	for i := uint64(0); i < uint64(messages); i++ {
		there <- i
		if <-back != i {
			panic("the answer is not what was sent")
		}
	}
	report(began, messages, 0)
}

func requests(messages, clients int) {
	ch := make(chan [8]uint64, clients)
	replies := make([]chan [8]uint64, clients)
	start := make(chan struct{})
	var running sync.WaitGroup
	for c := range replies {
		reply := make(chan [8]uint64, 1)
		replies[c] = reply
		running.Add(1)
		go func(me int) {
			<-start
			for i := 0; i < messages/clients; i++ {
				ch <- [8]uint64{uint64(me), uint64(i)}
				if m := <-reply; m[1] != uint64(i) {
					panic("the answer belongs to another request")
				}
			}
			running.Done()
		}(c)
	}
	go func() { running.Wait(); close(ch) }()
	began := time.Now()
	close(start)
	answered := 0
	for m := range ch {
		answered++
		replies[m[0]] <- m
	}
	report(began, answered, 0)
}

// All are sent before the first is received.
func queued(messages int, emptied bool) {
	before := residentBytes()
	began := time.Now()
	ch := make(chan [1]uint64, messages)
	for i := 0; i < messages; i++ {
		ch <- [1]uint64{}
	}
	for i := 0; emptied && i < messages; i++ {
		<-ch
	}
	debug.FreeOSMemory()
	report(began, messages, residentBytes()-before)
	runtime.KeepAlive(ch)
}

func atRest(channels, capacity int) {
	kept := make([]chan [1]uint64, channels)
	before := residentBytes()
	began := time.Now()
	for i := range kept {
		kept[i] = make(chan [1]uint64, capacity)
	}
	report(began, channels, residentBytes()-before)
	if kept[channels-1] == nil {
		panic("gone")
	}
}

// The ticket server of exercise 08: one goroutine owns the tickets.
type ticket struct {
	title       [51]byte
	description [501]byte
	status      int
}

type request struct {
	what        int
	id          uint64
	status      int
	title       [51]byte
	description [501]byte
	reply       chan response
}

type response struct {
	found  bool
	id     uint64
	ticket ticket
}

const (
	add = iota
	setStatus
	get
)

func serve(requests chan request) {
	var tickets []ticket
	for r := range requests {
		answer := response{found: true, id: r.id}
		switch {
		case r.what == add:
			tickets = append(tickets, ticket{r.title, r.description, 0})
			answer.id = uint64(len(tickets))
		case r.id == 0 || r.id > uint64(len(tickets)):
			answer.found = false
		case r.what == setStatus:
			tickets[r.id-1].status = r.status
		case r.what == get:
			answer.ticket = tickets[r.id-1]
		}
		r.reply <- answer
	}
}

func tickets(count, clients, capacity int) {
	requests := make(chan request, capacity)
	go serve(requests)
	each := count / clients / 2 * 2
	start := make(chan struct{})
	var ready, running sync.WaitGroup
	for c := 0; c < clients; c++ {
		ready.Add(1)
		running.Add(1)
		go func() {
			reply := make(chan response, 1)
			requests <- request{what: add, title: [51]byte{'t'}, description: [501]byte{'d'}, reply: reply}
			id := (<-reply).id
			ready.Done()
			<-start
			for i := 0; i < each; i += 2 {
				status := 1 + i/2%2
				requests <- request{what: setStatus, id: id, status: status, reply: reply}
				<-reply
				requests <- request{what: get, id: id, reply: reply}
				if answer := <-reply; !answer.found || answer.ticket.status != status {
					panic("a ticket is not as it was set")
				}
			}
			running.Done()
		}()
	}
	ready.Wait()
	began := time.Now()
	close(start)
	running.Wait()
	report(began, each*clients, 0)
}

func main() {
	messages, threads, size, capacity := number(2, 1000), number(3, 1), number(4, 8), number(5, 0)
	switch what := os.Args[1]; {
	case what == "pingpong":
		pingpong(messages)
	case what == "requests" && size == 64:
		requests(messages, threads)
	case (what == "queued" || what == "emptied") && size == 8:
		queued(messages, what == "emptied")
	case what == "at_rest" && size == 8:
		atRest(messages, capacity)
	case what == "tickets":
		tickets(messages, threads, size)
	case size == 8:
		sending(messages, threads, capacity, func(m *[1]uint64, i uint64) { m[0] = i }, func(m *[1]uint64) uint64 { return m[0] })
	case size == 64:
		sending(messages, threads, capacity, func(m *[8]uint64, i uint64) { m[0] = i }, func(m *[8]uint64) uint64 { return m[0] })
	case size == 512:
		sending(messages, threads, capacity, func(m *[64]uint64, i uint64) { m[0] = i }, func(m *[64]uint64) uint64 { return m[0] })
	case size == 4096:
		sending(messages, threads, capacity, func(m *[512]uint64, i uint64) { m[0] = i }, func(m *[512]uint64) uint64 { return m[0] })
	case size == 32768:
		sending(messages, threads, capacity, func(m *[4096]uint64, i uint64) { m[0] = i }, func(m *[4096]uint64) uint64 { return m[0] })
	default:
		os.Exit(2)
	}
}
