from google.auth.credentials import AnonymousCredentials
from google.cloud import discoveryengine_v1 as discoveryengine
from google.cloud.discoveryengine_v1.services.rank_service.transports import RankServiceRestTransport
from google.oauth2.credentials import Credentials
from told import Asked, tell


def rank(asked: Asked) -> list[tuple[int, float]]:
    credentials = Credentials(asked.key) if asked.key else AnonymousCredentials()
    host = asked.root.removeprefix("http://")
    transport = RankServiceRestTransport(host=host, url_scheme="http", credentials=credentials)
    client = discoveryengine.RankServiceClient(transport=transport)
    records = [discoveryengine.RankingRecord(id=str(at), content=text) for at, text in enumerate(asked.documents)]
    answer = client.rank(
        discoveryengine.RankRequest(
            ranking_config="projects/p/locations/global/rankingConfigs/default_ranking_config",
            model="embedded",
            query=asked.query,
            records=records,
            top_n=4,
        )
    )
    return [(int(row.id), row.score) for row in answer.records]


tell("google-cloud-discoveryengine", rank)
