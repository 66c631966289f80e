// The lists that waiting writers are in.
#include "db/waiter.h"

#include <doctest/doctest.h>

using namespace siltstone;
using db::Waiter;
using db::WaiterList;

TEST_CASE("waiter list: first in, first out; who has a deadline is passed over for a patient one") {
  WaiterList list;
  Waiter hurried;
  hurried.has_deadline = true;
  Waiter patient;
  Waiter last;
  for (Waiter* waiter : {&hurried, &patient, &last}) list.push(*waiter);
  CHECK(list.pop_patient() == &patient);
  CHECK(list.pop() == &hurried);
  CHECK(list.pop_patient() == &last);
  CHECK(list.empty());
  list.push(hurried);
  CHECK(list.pop_patient() == nullptr);
  CHECK(hurried.list == &list);
  list.remove(hurried);
  CHECK(hurried.list == nullptr);
  CHECK(list.empty());
}

TEST_CASE("waiter list: one that is settled is told once, and may look at that while it is taken") {
  WaiterList open;
  WaiterList settled(WaiterList::Kind::settled);
  Waiter waiter;
  waiter.has_deadline = true;
  open.push(waiter);
  settled.take_from(open);
  CHECK(waiter.list == nullptr);
  waiter.list = &open;  // to see that nobody writes there any more
  CHECK(settled.pop() == &waiter);
  CHECK(waiter.list == &open);
}
