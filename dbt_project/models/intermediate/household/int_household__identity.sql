{{ config(
    key=['household_code'],
    indexes=[{'columns': ['household_id']}]
) }}

-- Every code on a list, also of members or held back, with the years in which it stands there.
with recursive listed as (
    select
        household_code,
        review_year
    from {{ ref('stg_household_review') }}
    union
    select
        household_code,
        review_year
    from {{ ref('stg_household_member') }}
    union
    select
        household_code,
        extract(year from period_end_on)::integer
    from {{ ref('stg_household_review_held') }}
    where household_code is not null
),

coded as (
    select
        household_code,
        min(review_year) as first_year,
        max(review_year) as last_year
    from listed
    group by household_code
),

-- The national id of the head, where all lists of a year agree on it.
head as (
    select
        household_code,
        review_year,
        min(head_national_id) as head_national_id
    from {{ ref('stg_household_review') }}
    where head_national_id is not null
    group by household_code, review_year
    having min(head_national_id) = max(head_national_id)
),

last_head as (
    select distinct on (household_code)
        household_code,
        head_national_id
    from head
    order by household_code, review_year desc
),

-- The households of a head, in the order in which the head came to them.
headed as (
    select
        head.head_national_id,
        coded.household_code,
        coded.first_year,
        coded.last_year,
        min(head.review_year) as headed_from_year
    from head
    inner join coded on head.household_code = coded.household_code
    group by head.head_national_id, coded.household_code, coded.first_year, coded.last_year
),

-- One household so far: each code began with this head, alone, after the one before had left all lists.
followed as (
    select
        *,
        lag(household_code) over so_far as previous_household_code,
        count(*) over (partition by head_national_id, headed_from_year) = 1
        and (
            lag(household_code) over so_far is null
            or (headed_from_year = first_year and max(last_year) over before < first_year)
        ) as continues
    from headed
    window
        so_far as (partition by head_national_id order by headed_from_year, household_code),
        before as (
            partition by head_national_id
            order by headed_from_year, household_code
            rows between unbounded preceding and 1 preceding
        )
),

claimed as (
    select
        *,
        bool_and(continues) over (partition by head_national_id order by headed_from_year) as is_one_household
    from followed
),

-- The last head takes a household along; of two codes that claim the same one the earlier has it.
claim as (
    select
        claimed.household_code,
        claimed.previous_household_code,
        rank() over earlier as claim_rank,
        count(*) over (partition by claimed.previous_household_code, claimed.first_year) as claim_count
    from claimed
    inner join last_head
        on
            claimed.previous_household_code = last_head.household_code
            and claimed.head_national_id = last_head.head_national_id
    where claimed.is_one_household
    window earlier as (partition by claimed.previous_household_code order by claimed.first_year)
),

successor as (
    select
        household_code,
        previous_household_code
    from claim
    where
        claim_rank = 1
        and claim_count = 1
),

identified as (
    select
        coded.household_code,
        coded.household_code as household_id
    from coded
    left join successor on coded.household_code = successor.household_code
    where successor.household_code is null
    union all
    select
        successor.household_code,
        identified.household_id
    from successor
    inner join identified on successor.previous_household_code = identified.household_code
)

select
    coded.household_code,
    identified.household_id,
    successor.previous_household_code,
    coded.first_year,
    coded.last_year
from coded
inner join identified on coded.household_code = identified.household_code
left join successor on coded.household_code = successor.household_code
