//! A shop of 20 changes, and its directories in the form of each tool.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One change of the shop.
pub struct Change {
    pub name: &'static str,
    pub note: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub verify: &'static str,
    /// It can't run in a transaction.
    pub alone: bool,
}

const fn of(
    name: &'static str,
    note: &'static str,
    up: &'static str,
    down: &'static str,
    verify: &'static str,
) -> Change {
    Change {
        name,
        note,
        up,
        down,
        verify,
        alone: false,
    }
}

pub const SHOP: [Change; 20] = [
    of(
        "shop_schema",
        "The schema of the shop.",
        "create schema shop;",
        "drop schema shop;",
        "select pg_catalog.has_schema_privilege('shop', 'usage');",
    ),
    of(
        "customers",
        "People who buy.",
        "create table shop.customers (\n    id integer primary key,\n    email text not null unique,\n    name text not null\n);",
        "drop table shop.customers;",
        "select id, email, name from shop.customers where false;",
    ),
    of(
        "products",
        "Things to buy.",
        "create table shop.products (\n    id integer primary key,\n    title text not null,\n    cents bigint not null check (cents >= 0)\n);",
        "drop table shop.products;",
        "SELECT id, title, cents\n  FROM shop.products\n WHERE FALSE;",
    ),
    of(
        "orders",
        "What was bought.",
        "create table shop.orders (\n    id integer primary key,\n    customer integer not null references shop.customers (id),\n    placed timestamptz not null default now()\n);",
        "drop table shop.orders;",
        "select id, customer, placed from shop.orders where false;",
    ),
    of(
        "order_items",
        "Lines of an order.",
        "create table shop.order_items (\n    order_id integer not null references shop.orders (id) on delete cascade,\n    product integer not null references shop.products (id),\n    pieces integer not null default 1,\n    primary key (order_id, product)\n);",
        "drop table shop.order_items;",
        "select order_id, product, pieces from shop.order_items where false;",
    ),
    of(
        "order_status",
        "The state of an order.",
        "create type shop.order_status as enum ('open', 'paid', 'sent');\nalter table shop.orders add column status shop.order_status not null default 'open';",
        "alter table shop.orders drop column status;\ndrop type shop.order_status;",
        "select status from shop.orders where false;",
    ),
    of(
        "order_total",
        "Computes the total of an order.",
        "create function shop.order_total(wanted integer) returns bigint language plpgsql stable as $$\nbegin\n    -- begin; commit; of a body are no transaction\n    return (select sum(i.pieces * p.cents) from shop.order_items i join shop.products p on p.id = i.product where i.order_id = wanted);\nend;\n$$;",
        "drop function shop.order_total(integer);",
        "select pg_catalog.has_function_privilege('shop.order_total(integer)', 'execute');",
    ),
    of(
        "lower_email",
        "Writes addresses in lower case.",
        "create function shop.lower_email() returns trigger language plpgsql as $body$\nbegin\n    new.email := lower(new.email);\n    return new;\nend;\n$body$;\ncreate trigger lower_email before insert or update on shop.customers for each row execute function shop.lower_email();",
        "drop trigger lower_email on shop.customers;\ndrop function shop.lower_email();",
        "do $$ begin assert (select count(*) from pg_trigger where tgname = 'lower_email') = 1; end $$;",
    ),
    of(
        "open_orders",
        "Orders that wait.",
        "create view shop.open_orders as select id, customer from shop.orders where status = 'open';",
        "drop view shop.open_orders;",
        "select id from shop.open_orders where false;",
    ),
    of(
        "orders_by_customer",
        "Finds the orders of a customer.",
        "create index orders_customer on shop.orders (customer);",
        "drop index shop.orders_customer;",
        "select 'shop.orders_customer'::regclass;",
    ),
    Change {
        name: "orders_by_day",
        note: "Finds the orders of a day.",
        up: "create index concurrently orders_placed on shop.orders (placed);",
        down: "drop index concurrently if exists shop.orders_placed;",
        verify: "select 'shop.orders_placed'::regclass;",
        alone: true,
    },
    of(
        "first_products",
        "Two products.",
        "insert into shop.products (id, title, cents) values (1, 'Teapot; blue', 2900), (2, 'Cup', 700);",
        "delete from shop.products where id in (1, 2);",
        "select 1 / count(*) from shop.products where id in (1, 2);",
    ),
    of(
        "customer_note",
        "A note about a customer.",
        "alter table shop.customers add column note text;",
        "alter table shop.customers drop column note;",
        "select note from shop.customers where false;",
    ),
    of(
        "coupons",
        "Coupons by code.",
        "create table shop.coupons (\n    code text primary key,\n    percent integer not null\n);",
        "drop table shop.coupons;",
        "select code, percent from shop.coupons where false;",
    ),
    of(
        "coupon_range",
        "No coupon gives more than everything.",
        "alter table shop.coupons add constraint coupons_percent check (percent between 1 and 100);",
        "alter table shop.coupons drop constraint coupons_percent;",
        "do $$ begin insert into shop.coupons values ('x', 200); raise 'no check'; exception when check_violation then null; end $$;",
    ),
    of(
        "sales",
        "Sales by product.",
        "create materialized view shop.sales as select product, sum(pieces) as pieces from shop.order_items group by product;",
        "drop materialized view shop.sales;",
        "select product, pieces from shop.sales where false;",
    ),
    of(
        "invoice_numbers",
        "Numbers of invoices.",
        "create sequence shop.invoice_numbers start 1000;",
        "drop sequence shop.invoice_numbers;",
        "select last_value from shop.invoice_numbers where false;",
    ),
    of(
        "invoices",
        "Invoices of orders.",
        "create table shop.invoices (\n    number bigint primary key default nextval('shop.invoice_numbers'),\n    order_id integer not null references shop.orders (id)\n);",
        "drop table shop.invoices;",
        "select number, order_id from shop.invoices where false;",
    ),
    of(
        "comments",
        "What the tables are for.",
        "comment on table shop.orders is 'What was bought; by whom.';",
        "comment on table shop.orders is null;",
        "select 1 / count(*) from pg_description where description like 'What was bought%';",
    ),
    of(
        "product_titles",
        "Finds products by title.",
        "create index products_title on shop.products (lower(title));",
        "drop index shop.products_title;",
        "select 'shop.products_title'::regclass;",
    ),
];

fn write(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().expect("a parent")).expect("writable");
    fs::write(path, text).expect("writable");
}

/// A transaction around a script, as sqitch's templates have it.
fn wrapped(change: &Change, title: &str, sql: &str, end: &str) -> String {
    match change.alone {
        true => format!("-- {title}\n\n{sql}\n"),
        false => format!("-- {title}\n\nBEGIN;\n\n{sql}\n\n{end};\n"),
    }
}

pub fn sqitch(dir: &Path) {
    let mut plan =
        "%syntax-version=1.0.0\n%project=shop\n%uri=https://shop.invalid/\n\n".to_owned();
    let who = "2026-01-05T10:00:00Z Lena Example <lena@shop.invalid>";
    for (i, change) in SHOP.iter().enumerate() {
        let needs = match i {
            0 => String::new(),
            _ => format!(" [{}]", SHOP[i - 1].name),
        };
        let _ = writeln!(plan, "{}{needs} {who} # {}", change.name, change.note);
        if i == 4 || i == 9 {
            let _ = writeln!(plan, "@v1.{i} {who} # A tag.");
        }
        let name = match change.name {
            "order_total" => "order_total@v1.9",
            name => name,
        };
        for (kind, sql, end) in [
            ("deploy", change.up, "COMMIT"),
            ("revert", change.down, "COMMIT"),
            ("verify", change.verify, "ROLLBACK"),
        ] {
            let title = format!("{kind} shop:{} to pg", change.name);
            write(
                dir,
                &format!("{kind}/{name}.sql"),
                &wrapped(change, &title, sql, end),
            );
        }
    }
    // A change that is written anew after the tag.
    let _ = writeln!(
        plan,
        "order_total [order_total@v1.9] {who} # Counts nothing as 0."
    );
    let first = SHOP
        .iter()
        .find(|change| change.name == "order_total")
        .expect("a change");
    let (old, new) = (
        first.up,
        first.up.replace(
            "(select sum(i.pieces * p.cents)",
            "(select coalesce(sum(i.pieces * p.cents), 0)",
        ),
    );
    for (kind, sql) in [("deploy", &*new), ("revert", old), ("verify", first.verify)] {
        let sql = sql.replace("create function", "create or replace function");
        let end = if kind == "verify" {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        write(
            dir,
            &format!("{kind}/order_total.sql"),
            &wrapped(first, kind, &sql, end),
        );
    }
    write(dir, "sqitch.plan", &plan);
    write(
        dir,
        "sqitch.conf",
        "[core]\n\tengine = pg\n\t# plan_file = sqitch.plan\n[engine \"pg\"]\n\ttarget = db:pg:shopdb\n",
    );
}

pub fn flyway(dir: &Path, undo: bool) {
    for (change, i) in SHOP.iter().zip(1..) {
        let file = format!("sql/V1.{i}__{}.sql", change.name);
        write(dir, &file, &format!("{}\n", change.up));
        if change.alone {
            write(dir, &format!("{file}.conf"), "executeInTransaction=false\n");
        }
        if undo {
            write(
                dir,
                &format!("sql/U1.{i}__{}.sql", change.name),
                &format!("{}\n", change.down),
            );
        }
    }
    write(
        dir,
        "flyway.conf",
        "flyway.url=jdbc:postgresql://db.invalid:5432/shopdb?ssl=true\nflyway.placeholders.greeting=Hello\n",
    );
}

pub fn golang_migrate(dir: &Path) {
    for (change, i) in SHOP.iter().zip(1..) {
        write(
            dir,
            &format!("{i:06}_{}.up.sql", change.name),
            &wrapped(change, "up", change.up, "COMMIT"),
        );
        write(
            dir,
            &format!("{i:06}_{}.down.sql", change.name),
            &wrapped(change, "down", change.down, "COMMIT"),
        );
    }
}

pub fn dbmate(dir: &Path) {
    for (change, i) in SHOP.iter().zip(1..) {
        let alone = if change.alone {
            " transaction:false"
        } else {
            ""
        };
        let text = format!(
            "-- migrate:up{alone}\n{}\n\n-- migrate:down{alone}\n{}\n",
            change.up, change.down
        );
        write(
            dir,
            &format!("202601051000{i:02}_{}.sql", change.name),
            &text,
        );
    }
}

pub fn goose(dir: &Path) {
    for (change, i) in SHOP.iter().zip(1..) {
        let alone = if change.alone {
            "-- +goose NO TRANSACTION\n"
        } else {
            ""
        };
        let text = format!(
            "{alone}-- +goose Up\n-- +goose StatementBegin\n{}\n-- +goose StatementEnd\n\n-- +goose Down\n{}\n",
            change.up, change.down
        );
        write(dir, &format!("{i:05}_{}.sql", change.name), &text);
    }
}

pub fn liquibase(dir: &Path) {
    for (part, number) in SHOP.chunks(5).zip(1..) {
        let mut text = "--liquibase formatted sql\n".to_owned();
        for change in part {
            let alone = if change.alone {
                " runInTransaction:false"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "\n--changeset lena:{}{alone} splitStatements:false",
                change.name
            );
            let _ = writeln!(text, "--comment: {}\n{}", change.note, change.up);
            for line in change.down.lines() {
                let _ = writeln!(text, "--rollback {line}");
            }
        }
        write(dir, &format!("changelog/{number:02}.sql"), &text);
    }
}

pub fn atlas(dir: &Path) {
    for (change, i) in SHOP.iter().zip(1..) {
        let alone = if change.alone {
            "-- atlas:txmode none\n\n"
        } else {
            ""
        };
        write(
            dir,
            &format!("202601051000{i:02}_{}.sql", change.name),
            &format!("{alone}{}\n", change.up),
        );
    }
    write(dir, "atlas.sum", "h1:not-read\n");
}

/// A driver that includes every change but the one that can't run in a transaction.
pub fn psql(dir: &Path) {
    let mut driver = "\\set ON_ERROR_STOP on\nBEGIN;\n".to_owned();
    for change in SHOP.iter().filter(|change| !change.alone) {
        write(
            dir,
            &format!("steps/{}.sql", change.name),
            &format!("{}\n", change.up),
        );
        let _ = writeln!(driver, "\\i steps/{}.sql", change.name);
    }
    driver.push_str("COMMIT;\n");
    write(dir, "upgrade.sql", &driver);
}
