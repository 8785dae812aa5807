import static org.neo4j.configuration.GraphDatabaseSettings.DEFAULT_DATABASE_NAME;
import static org.neo4j.configuration.GraphDatabaseSettings.SYSTEM_DATABASE_NAME;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;
import org.neo4j.graphdb.QueryExecutionException;
import org.neo4j.io.ByteUnit;

/**
 * A Neo4j of the community edition with Bolt on loopback and authentication on: DIR PORT [attached]. The password of its user `neo4j` comes in
 * NEO4J_PASSWORD. Prints "ready" once it answers; ends on SIGTERM and, when attached, with its standard input.
 */
public class Neo4jServer {
  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]);
    int port = Integer.parseInt(args[1]);
    DatabaseManagementService service =
        new DatabaseManagementServiceBuilder(dir)
            .setConfig(GraphDatabaseSettings.auth_enabled, true)
            .setConfig(GraphDatabaseSettings.auth_lock_time, Duration.ZERO)
            .setConfig(GraphDatabaseSettings.pagecache_memory, ByteUnit.mebiBytes(256))
            .setConfig(BoltConnector.enabled, true)
            .setConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", port))
            .build();
    Runtime.getRuntime().addShutdownHook(new Thread(service::shutdown));
    try {
      setPassword(service, System.getenv("NEO4J_PASSWORD"));
      if (!service.database(DEFAULT_DATABASE_NAME).isAvailable(60_000)) throw new IllegalStateException("the database did not open within 60 s");
    } catch (RuntimeException failure) {
      failure.printStackTrace();
      System.exit(1);
    }
    System.out.println("ready");
    if (args.length > 2) {
      while (System.in.read() >= 0) {}
      System.exit(0);
    }
  }

  private static void setPassword(DatabaseManagementService service, String password) {
    String statement = "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED";
    try {
      service.database(SYSTEM_DATABASE_NAME).executeTransactionally(statement, Map.of("password", password));
    } catch (QueryExecutionException refused) {
      // It is that already.
      if (!refused.getMessage().contains("cannot be the same")) throw refused;
    }
  }
}
