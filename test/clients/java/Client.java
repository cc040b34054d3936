import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * Does with the JDBC driver what programs do with it, and prints what came of it: a line for each step, its name, a tab, and the
 * result as JSON.
 */
public class Client {
    interface Step {
        Object run() throws Exception;
    }

    static void step(String name, Step s) {
        Object v;
        try {
            v = s.run();
        } catch (SQLException e) {
            v = "SQLException " + e.getErrorCode() + ": " + e.getMessage();
        } catch (Throwable e) {
            v = e.getClass().getSimpleName() + ": " + e.getMessage();
        }
        System.out.println(name + "\t" + json(v));
        System.out.flush();
    }

    static String json(Object v) {
        if (v == null || v instanceof Number || v instanceof Boolean) {
            return String.valueOf(v);
        }
        if (v instanceof List) {
            List<String> all = new ArrayList<>();
            for (Object x : (List<?>) v) {
                all.add(json(x));
            }
            return "[" + String.join(",", all) + "]";
        }
        StringBuilder b = new StringBuilder("\"");
        for (char c : String.valueOf(v).toCharArray()) {
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < ' ') {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }

    static Connection connect(String... more) throws SQLException {
        Properties p = new Properties();
        p.put("user", System.getenv("CH_USER"));
        p.put("password", System.getenv("CH_KEY"));
        for (int i = 0; i < more.length; i += 2) {
            p.put(more[i], more[i + 1]);
        }
        String url = "jdbc:clickhouse://" + System.getenv("CH_HOST") + ":" + System.getenv("CH_PORT") + "/" + System.getenv("CH_USER");
        return DriverManager.getConnection(url, p);
    }

    static List<Object> names(ResultSet rs, String column) throws SQLException {
        List<Object> all = new ArrayList<>();
        while (rs.next()) {
            all.add(rs.getString(column));
        }
        return all;
    }

    static List<Object> first(Statement s, String sql) throws SQLException {
        List<Object> all = new ArrayList<>();
        try (ResultSet rs = s.executeQuery(sql)) {
            if (rs.next()) {
                for (int i = 1; i <= rs.getMetaData().getColumnCount(); i++) {
                    all.add(rs.getMetaData().getColumnTypeName(i) + "=" + rs.getString(i));
                }
            }
        }
        return all;
    }

    public static void main(String[] args) throws Exception {
        String[][] modes = {{"lz4"}, {"none", "compress", "false"}, {"http", "client.use_http_compression", "true"},
            {"metabase", "product_name", "metabase/1", "use_server_time_zone_for_dates", "true", "remember_last_set_roles", "true",
                "clickhouse_setting_select_sequential_consistency", "1"}};
        for (String[] mode : modes) {
            try (Connection c = connect(java.util.Arrays.copyOfRange(mode, 1, mode.length)); Statement s = c.createStatement()) {
                run(mode[0], c, s);
            } catch (SQLException e) {
                step(mode[0] + "/connect", () -> {
                    throw e;
                });
            }
        }
        step("wrong key", () -> {
            try (Connection c = connect("password", "wrong"); Statement s = c.createStatement()) {
                return first(s, "SELECT 1");
            }
        });
    }

    static void run(String mode, Connection c, Statement s) {
        step(mode + "/valid", () -> c.isValid(5));
        step(mode + "/version", () -> c.getMetaData().getDatabaseProductVersion());
        step(mode + "/count", () -> first(s, "SELECT count(), uniqExact(client_id) FROM events"));
        step(mode + "/types", () -> first(s, "SELECT toUInt8(1), toInt64(-2), 1.5, 'text', toDate('2026-03-09'), toDateTime64('2026-03-09 10:11:12.345', 3, 'UTC'),"
            + " toDecimal64(1.25, 2), CAST(NULL, 'Nullable(String)'), toLowCardinality('low'), toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), true, [1, 2], map('a', 1)"));
        step(mode + "/prepared", () -> {
            try (PreparedStatement p = c.prepareStatement("SELECT count() FROM events WHERE type = ? AND ts > ?")) {
                p.setString(1, "view");
                p.setTimestamp(2, new Timestamp(System.currentTimeMillis() - 864000000L));
                try (ResultSet rs = p.executeQuery()) {
                    rs.next();
                    return rs.getLong(1);
                }
            }
        });
        step(mode + "/many", () -> {
            long count = 0, sum = 0;
            try (ResultSet rs = s.executeQuery("SELECT arrayJoin(range(300000)) AS n, toString(n) AS s")) {
                while (rs.next()) {
                    count++;
                    sum += rs.getLong(1);
                }
            }
            return List.of(count, sum);
        });
        step(mode + "/schemas", () -> names(c.getMetaData().getSchemas(), "TABLE_SCHEM"));
        step(mode + "/tables", () -> names(c.getMetaData().getTables(null, System.getenv("CH_USER"), "%", null), "TABLE_NAME"));
        step(mode + "/columns", () -> {
            List<Object> all = names(c.getMetaData().getColumns(null, System.getenv("CH_USER"), "events", "%"), "COLUMN_NAME");
            return all.size() > 3 ? all.subList(0, 3) : all;
        });
        step(mode + "/max rows", () -> {
            try (Statement few = c.createStatement()) {
                few.setMaxRows(5);
                try (ResultSet rs = few.executeQuery("SELECT arrayJoin(range(1000))")) {
                    int n = 0;
                    while (rs.next()) {
                        n++;
                    }
                    return n;
                }
            }
        });
        step(mode + "/zone", () -> first(s, "SELECT timezone() AS tz"));
        step(mode + "/unknown table", () -> first(s, "SELECT 1 FROM nothing"));
        step(mode + "/insert", () -> s.executeUpdate("INSERT INTO events (type, client_id) VALUES ('view', 'c')"));
    }
}
