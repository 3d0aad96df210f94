select
    code as funding_source_code,
    name_vi,
    name_en
from {{ ref('funding_source') }}
